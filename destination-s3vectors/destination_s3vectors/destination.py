"""The connector as the CDK sees it."""

from destination_s3vectors.connector import CONNECTOR
from vector_ingest.command.destination import destination_class

DestinationS3Vectors = destination_class("DestinationS3Vectors", __name__, CONNECTOR)
