"""The CDK's standard tests of a source, from acceptance-test-config.yml."""

from airbyte_cdk.test.standard_tests.source_base import SourceTestSuiteBase

from source_s3.source import SourceS3
from tests.acceptance.shared_config import ROOT, SharedConfig


class TestSourceS3(SharedConfig, SourceTestSuiteBase):
    connector = SourceS3
    connector_dir = ROOT / "source-s3"
