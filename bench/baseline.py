"""The same model in Python's onnxruntime: what embedding_throughput compares the embedder with.

One thread, all graph optimisations, as in the embedder. Timed is all that follows tokenizing: padding, the run of the
graph, pooling and normalising. Tokenizing, and being asked over a socket, which the embedder's processor time
includes, cost the baseline nothing; nor does loading the model either of them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy

# read when its environment is made; a benchmark calls nobody
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # noqa: E402

from bench.wordpiece import WordPiece  # noqa: E402

Matrix = numpy.ndarray[Any, numpy.dtype[numpy.float32]]


class Baseline:
    """A model directory, loaded, and some texts, tokenized."""

    def __init__(self, directory: Path, texts: list[str]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._session = onnxruntime.InferenceSession(
            str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._dimensions = int(self._session.get_outputs()[0].shape[-1])
        tokenizer = WordPiece(directory)
        self._tokens = [tokenizer.encode(text) for text in texts]
        # texts of like length together: padding costs as much as text
        self._order = sorted(range(len(texts)), key=lambda at: len(self._tokens[at]))

    def run(self, batch_size: int) -> tuple[float, Matrix]:
        """Processor time of all runs in seconds, and the unit vectors in the order of the texts."""
        seconds = 0.0
        vectors = numpy.empty((len(self._order), self._dimensions), dtype=numpy.float32)
        for start in range(0, len(self._order), batch_size):
            batch = self._order[start : start + batch_size]
            tokens = [self._tokens[at] for at in batch]
            before = time.process_time()
            inputs = self._padded(tokens)
            [output] = self._session.run(["last_hidden_state"], inputs)
            # the mean over the tokens that are text; its length is of no account, for the vector is normalised
            sums = numpy.matmul(inputs["attention_mask"][:, None, :].astype(numpy.float32), output)[:, 0, :]
            vectors[batch] = sums / numpy.linalg.norm(sums, axis=1, keepdims=True)
            seconds += time.process_time() - before
        return seconds, vectors

    def _padded(self, batch: list[list[int]]) -> dict[str, Any]:
        longest = max(map(len, batch))
        ids = numpy.zeros((len(batch), longest), dtype=numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        everything = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        return {name: value for name, value in everything.items() if name in self._inputs or name == "attention_mask"}
