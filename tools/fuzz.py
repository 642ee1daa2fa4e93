"""`make fuzz`: every target of crates/fuzz for a while; a crash leaves its input in crates/fuzz/artifacts and fails."""

from __future__ import annotations

import time

from tools.check import announce
from tools.environment import cargo_environment, set_up_cargo_fuzz, set_up_python
from tools.models import make_model
from tools.paths import DEV, ROOT
from tools.step import SetupError

PROJECT = ROOT / "crates" / "fuzz"
SECONDS = 180


def fuzz(arguments: list[str]) -> None:
    """Runs the targets named in `arguments`, or all; a number among them is the seconds for each."""
    targets = sorted(path.stem for path in (PROJECT / "fuzz_targets").glob("*.rs"))
    seconds = next((int(word) for word in arguments if word.isdigit()), SECONDS)
    wanted = [word for word in arguments if not word.isdigit()] or targets
    if unknown := set(wanted) - set(targets):
        raise SetupError(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(targets)}")
    set_up_python()
    set_up_cargo_fuzz()
    for model in ("random-bert", "random-xlmr"):
        make_model(model)
    env = {**cargo_environment(), "CARGO_TARGET_DIR": str(DEV / "fuzz")}
    start = time.monotonic()
    for target in wanted:
        # what is found goes into .dev; only the seeds are kept with the sources
        found = DEV / "corpus" / target
        found.mkdir(parents=True, exist_ok=True)
        # the sanitizers want a nightly compiler; the code has no unsafe: overflow and assertions are checked
        words = ["cargo", "fuzz", "run", "--fuzz-dir", PROJECT, "--sanitizer", "none", target, found, PROJECT / "corpus" / target]
        limits = [f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1"]
        announce(f"fuzz {target}", [*words, "--", *limits], env)
    print(f"fuzzed {', '.join(wanted)} for {seconds} s each, no crash, in {time.monotonic() - start:.0f} s")
