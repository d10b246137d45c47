"""The CDK's standard tests of a destination, from acceptance-test-config.yml. They know no `write`."""

from airbyte_cdk.test.standard_tests.destination_base import DestinationTestSuiteBase

from destination_s3vectors.destination import DestinationS3Vectors
from tests.acceptance.shared_config import ROOT, SharedConfig


class TestDestinationS3Vectors(SharedConfig, DestinationTestSuiteBase):
    connector = DestinationS3Vectors
    connector_dir = ROOT / "destination-s3vectors"
