"""Questions that come as text: embedded by the model of the index, then asked like any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from destination_s3vectors.sql_bridge.calls import Call, Json, invalid
from destination_s3vectors.sql_bridge.embedding import Embed, Model, embedded, model_of, model_refused
from destination_s3vectors.sql_bridge.models import Models, agreed, embedder_of
from destination_s3vectors.sql_bridge.query import query_vectors


@dataclass(frozen=True, slots=True)
class Questions:
    """`embedders`: by the first word of a fingerprint."""

    embedders: Mapping[str, Embed]
    models: Models = field(default_factory=Models)

    def query_text(self, calls: Sequence[Call]) -> tuple[Json, Any]:
        """The nearest to `query_text`, or with `query_texts` to both. `continue` brings the vector along."""
        state = calls[0].event.get("continue") or {}
        model = self._model(calls)
        vector = state.get("vector") or self._vector(model, calls[0])
        # The metadata tell what each vector was made by.
        event = {**calls[0].event, "query_vector": vector, "return_metadata": True, "continue": state.get("rest")}
        result, rest = query_vectors([replace(call, event=event) for call in calls])
        self.models.check(calls, model.fingerprint, result["vectors"])
        if not calls[0].event.get("return_metadata", True):
            for row in result["vectors"]:
                row.pop("metadata", None)
        return result, None if rest is None else {"vector": vector, "rest": rest}

    def embed_text(self, calls: Sequence[Call]) -> tuple[Json, Any]:
        model = self._model(calls)
        return {"fingerprint": model.fingerprint, "vector": self._vector(model, calls[0])}, None

    def find_model(self, calls: Sequence[Call]) -> tuple[Json, Any]:
        """The model that questions would be embedded by."""
        model = self._model(calls, anew=True)
        self._embed(model)
        return {"fingerprint": model.fingerprint}, None

    def _model(self, calls: Sequence[Call], *, anew: bool = False) -> Model:
        given = calls[0].event.get("embedding") or {}
        registered = given.get("fingerprint")
        where = " and ".join(call.index for call in calls)
        found = [self.models.of(call, anew=anew) for call in calls]
        return model_of(agreed(registered and embedder_of(registered), found, where), given.get("options") or {})

    def _vector(self, model: Model, call: Call) -> list[float]:
        text = call.event.get("query_text")
        if not isinstance(text, str) or not text.strip():
            raise invalid("`query_text` must be a text that is not blank")
        embed, region = self._embed(model), call.index.split(":")[3]
        return call.insist(lambda: embedded(model, text, embed, region, call.seconds_left))

    def _embed(self, model: Model) -> Embed:
        embed = self.embedders.get(model.provider)
        if embed is None:
            known = ", ".join(sorted(self.embedders)) or "none"
            raise model_refused(
                f"the function can't embed by {model.fingerprint}: it knows {known}. Embed the question yourself and "
                "ask by s3vl.query_vectors"
            )
        return embed
