"""The CDK's standard tests of a destination, from acceptance-test-config.yml. They know no `write`."""

from airbyte_cdk.test.standard_tests.destination_base import DestinationTestSuiteBase

from destination_pgvector.destination import DestinationPgvector
from tests.acceptance.shared_config import ROOT, SharedConfig


class TestDestinationPgvector(SharedConfig, DestinationTestSuiteBase):
    connector = DestinationPgvector
    connector_dir = ROOT / "destination-pgvector"
