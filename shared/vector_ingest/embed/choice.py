"""Which provider a configuration chooses."""

from vector_ingest.embed.embedder import Embedder
from vector_ingest.embed.openai_options import AzureOpenAI, OpenAI, OpenAICompatible
from vector_ingest.embed.options import Bedrock, Cohere, EmbeddingConfig, Fake, FromField, Local, Voyage


def embedder_from(config: EmbeddingConfig) -> Embedder:
    """The provider that the configuration chooses. Its client is imported only here: `openai` alone takes a second."""
    match config:
        case OpenAI():
            from vector_ingest.embed.openai import OpenAIEmbedder

            return OpenAIEmbedder(config)
        case AzureOpenAI():
            from vector_ingest.embed.azure_openai import AzureOpenAIEmbedder

            return AzureOpenAIEmbedder(config)
        case OpenAICompatible():
            from vector_ingest.embed.openai_compatible import OpenAICompatibleEmbedder

            return OpenAICompatibleEmbedder(config)
        case Cohere():
            from vector_ingest.embed.cohere import CohereEmbedder

            return CohereEmbedder(config)
        case Voyage():
            from vector_ingest.embed.voyage import VoyageEmbedder

            return VoyageEmbedder(config)
        case Bedrock():
            from vector_ingest.embed.bedrock import BedrockEmbedder

            return BedrockEmbedder(config)
        case Local():
            return _local_embedder(config)
        case FromField():
            from vector_ingest.embed.from_field import FromFieldEmbedder

            return FromFieldEmbedder(config)
        case Fake():
            from vector_ingest.embed.fake import FakeEmbedder

            return FakeEmbedder()


def _local_embedder(config: Local) -> Embedder:
    if config.model_path:
        from vector_ingest.embed.onnx_folder import OnnxEmbedder

        return OnnxEmbedder(config)
    from vector_ingest.embed.local import LocalEmbedder

    return LocalEmbedder(config)
