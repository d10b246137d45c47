"""The format of documents and its settings. Names and meaning of what Airbyte's source-s3 has are its."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from vector_ingest.form import Form, shown

ADDRESS = r"^\s*https?://[^\s/@]+(/[^\s@]*)?$"  # of a server; nobody signs in by it
# What is sent, and how it comes back.
SET_FOR_DOCLING = {
    *("files", "to_formats", "target_type", "return_as_file", "callbacks"),
    *("include_images", "include_page_images", "image_export_mode"),
}


class LocalProcessing(Form):
    """In this process, without any network."""

    model_config = ConfigDict(title="Local")
    mode: Literal["local"] = Field("local", title="Mode")
    languages: list[Annotated[str, Field(pattern=r"^[A-Za-z_]+(/[A-Za-z_]+)?$")]] = Field(
        default=["eng"],
        min_length=1,
        title="Languages of Scans",
        description="What the text of images and scans is recognized in (OCR, the extra `ocr`), as Tesseract calls it, "
        "such as eng, deu, fra. Each takes more time.",
        json_schema_extra=shown(uniqueItems=True),
    )


class ApiParameter(Form):
    name: str = Field(
        min_length=1,
        title="Parameter name",
        description="As the API calls it.",
        examples=["languages", "pdf_infer_table_structure"],
    )
    value: str = Field(title="Value", description="Its value; for several values, give the parameter several times.")


class ApiProcessing(Form):
    """By an Unstructured API, to which the documents are sent; also images, scans and old Office files."""

    model_config = ConfigDict(title="via API")
    mode: Literal["api"] = Field(title="Mode")
    api_key: SecretStr = Field(
        default=SecretStr(""),
        title="API Key",
        description="The key of the API; empty where it asks for none.",
        json_schema_extra=shown(always_show=True),
    )
    api_url: str = Field(
        "https://api.unstructured.io",
        pattern=ADDRESS,
        title="API URL",
        description="Where the API is, as https://host.",
        examples=["https://api.unstructured.com"],
        json_schema_extra=shown(always_show=True),
    )
    parameters: list[ApiParameter] = Field(
        default=[],
        title="Additional URL Parameters",
        description="Sent with each document.",
        json_schema_extra=shown(always_show=True),
    )


class DoclingParameter(Form):
    name: str = Field(
        min_length=1,
        title="Parameter name",
        description="As Docling Serve calls it.",
        examples=["do_ocr", "ocr_lang", "table_mode", "pipeline"],
    )
    value: str = Field(title="Value", description="Its value; for several values, give the parameter several times.")

    @field_validator("name")
    @classmethod
    def _of_the_user(cls, value: str) -> str:
        if value in SET_FOR_DOCLING:
            raise ValueError(f"expected a parameter of the conversion, found {value!r}: the connector sets that itself")
        return value


class DoclingProcessing(Form):
    """By Docling Serve, to which the documents are sent; also images and scans."""

    model_config = ConfigDict(title="via Docling Serve")
    mode: Literal["docling"] = Field(title="Mode")
    api_key: SecretStr = Field(
        default=SecretStr(""),
        title="API Key",
        description="What the server has as DOCLING_SERVE_API_KEY; empty where it asks for none.",
        json_schema_extra=shown(always_show=True),
    )
    api_url: str = Field(
        pattern=ADDRESS,
        title="API URL",
        description="Where Docling Serve is, as https://host.",
        examples=["http://localhost:5001", "https://docling.example.com"],
    )
    parameters: list[DoclingParameter] = Field(
        default=[],
        title="Parameters",
        description="Sent with each document, as OCR languages, the mode of tables, or the pipeline.",
        json_schema_extra=shown(always_show=True),
    )


RemoteProcessing = ApiProcessing | DoclingProcessing
Processing = Annotated[LocalProcessing | ApiProcessing | DoclingProcessing, Field(discriminator="mode")]


class DocumentLimits(Form):
    """A document that needs more is one that can't be read."""

    model_config = ConfigDict(title="Limits")
    seconds: int = Field(120, ge=1, title="Seconds", description="To read one document.", json_schema_extra=shown(0))
    megabytes: int = Field(
        2048,
        ge=256,
        title="Megabytes",
        description="Of memory for each process that reads.",
        json_schema_extra=shown(1),
    )
    pages: int = Field(10_000, ge=1, title="Pages", description="Or slides, or sheets.", json_schema_extra=shown(2))
    characters: int = Field(
        10_000_000, ge=1, title="Characters", description="Of text, as Markdown.", json_schema_extra=shown(3)
    )


class UnstructuredFormat(Form):
    """Documents (PDF, Office, OpenDocument, HTML, EPUB, mail, text), one record each: its text as Markdown."""

    model_config = ConfigDict(title="Unstructured Document Format")
    filetype: Literal["unstructured"] = Field("unstructured", title="Filetype")
    skip_unprocessable_files: bool = Field(
        True,
        title="Skip Unprocessable Files",
        description="A document that can't be read becomes a record with the reason in `_ab_source_file_parse_error` "
        "and no "
        "content. Otherwise it ends the stream, if `bad_rows` neither passes over it nor keeps it aside.",
        json_schema_extra=shown(1, always_show=True),
    )
    processing: Processing = Field(default=LocalProcessing(), title="Processing", json_schema_extra=shown(2))
    strategy: Literal["auto", "fast", "ocr_only", "hi_res"] = Field(
        "auto",
        title="Parsing Strategy",
        description="Without an API, `auto` takes the text that is in the document, and recognizes that of scans and "
        "images where the extra `ocr` is installed, or by Docling; `fast` does not. The others are an API's.",
        json_schema_extra=shown(0),
    )
    text_extensions: list[str] = Field(
        default=[],
        title="Read as Text",
        description="Extensions of files that are read as plain text, too, such as csv, json, xml, log.",
        json_schema_extra=shown(3, uniqueItems=True),
    )
    limits: DocumentLimits = Field(
        default=DocumentLimits(),
        title="Limits",
        description="How much one document may take.",
        json_schema_extra=shown(4),
    )
    object_fields: list[Literal["user_metadata", "tags", "permissions"]] = Field(
        default=[],
        title="Fields of the Object",
        description="What S3 knows of each object, as fields of its records: the user's metadata, the tags, and the "
        "permissions (owner, ACL). Each costs requests for each object; `source-s3 iam-policy` names the rights. "
        "Refresh the schema to get them.",
        json_schema_extra=shown(6, uniqueItems=True),
    )
    reparse_on_change: bool = Field(
        False,
        title="Parse Again on Change",
        description="Read all documents again when a new version of the connector makes other text of them, and once "
        "when this "
        "is turned on.",
        json_schema_extra=shown(5),
    )

    @field_validator("strategy")
    @classmethod
    def _offered(cls, value: str, info: ValidationInfo) -> str:
        processing = info.data.get("processing")
        if value in {"ocr_only", "hi_res"} and isinstance(processing, LocalProcessing | DoclingProcessing):
            raise ValueError(f"expected 'auto' or 'fast', found {value!r}: only processing via API has that")
        return value

    @field_validator("text_extensions")
    @classmethod
    def _plain(cls, value: list[str]) -> list[str]:
        return sorted({extension.strip().removeprefix(".").lower() for extension in value} - {""})

    @field_validator("object_fields")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        return sorted(set(value))
