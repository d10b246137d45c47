"""The connector as the CDK sees it."""

from destination_pgvector.connector import CONNECTOR
from vector_ingest.command.destination import destination_class

DestinationPgvector = destination_class("DestinationPgvector", __name__, CONNECTOR)
