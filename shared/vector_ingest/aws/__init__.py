"""Sign-in to AWS, its clients and its errors."""
