"""Amazon S3 Vectors in PostgreSQL: the schema s3vl, and the Lambda function that it calls."""
