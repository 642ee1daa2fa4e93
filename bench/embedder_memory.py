"""How large the embedder is once it has worked.

Measured: resident memory of its process (shared pages included) after it has embedded 10,000 passages and more, minus
the size of the default model's model.onnx, in MB of 1,000,000 bytes. Beside it: the same after LONG_TEXTS texts as long
as the model takes, whose activations are the largest there can be.
"""

from __future__ import annotations

from bench.measurement import Row, Target
from bench.process import peak_resident_bytes, private_bytes, resident_bytes
from bench.server import FILLED_PASSAGES, Servers, embedder, model_directory

MB = 1e6
TARGET = Target(250)
LONG_TEXTS = 50
# more than max_tokens of any model we know
LONG_TEXT = "the branch that opened the account " * 200


def measure(servers: Servers) -> list[Row]:
    """One row: what it takes beyond the model's file."""
    cluster = servers.embedding
    before = embedder(cluster)
    servers.filled()
    pid = embedder(cluster)
    model = (model_directory(cluster) / "model.onnx").stat().st_size
    resident = resident_bytes(pid)
    private = private_bytes(pid)
    with cluster.connect(servers.filled()) as session:
        for _ in range(LONG_TEXTS):
            session.execute("SELECT schema_monitor.embed_passage(%s)", [LONG_TEXT])
    extra = {
        "resident_mb": round(resident / MB, 1),
        "private_mb": round(private / MB, 1),
        "beyond_after_long_texts_mb": round((resident_bytes(pid) - model) / MB, 1),
        "peak_mb": round(peak_resident_bytes(pid) / MB, 1),
        "model_file_mb": round(model / MB, 1),
        "same_process": before == pid,
    }
    what = f"embedder after {FILLED_PASSAGES:,} passages, beyond the model's file"
    return [Row(what, (resident - model) / MB, "MB", TARGET, extra)]
