"""Check a file of questions against the schema it asks about.

    python3 check.py QUESTIONS.jsonl SCHEMA_DIRECTORY

Holds when there are at least 25 questions, every listed table is created by the
SQL in the directory, and no question names a table: the words of a listed table's
name must not all occur in the question, and no other table's name of two or more
words may stand in it word for word. Exits 1 with a message otherwise.
"""
import json
import pathlib
import re
import sys

IRREGULAR = {"people": "person", "histories": "history"}


def singular(word):
    word = IRREGULAR.get(word, word)
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(s|x|z|ch|sh)es$", word):
        return word[:-2]
    if word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def words(text):
    return [singular(w) for w in re.findall(r"\w+", text.lower())]


def name_words(name):
    """SalesOrderHeader and sales_order_header both give sale, order, header."""
    return words(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name))


def tables(directory):
    """Folded schema.table -> the words of the table's name as the SQL spells it."""
    found = {}
    for path in sorted(pathlib.Path(directory).glob("*.sql")):
        sql = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        schema = "public"
        for m in re.finditer(r"\bCREATE\s+(SCHEMA|TABLE)\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.]+)(\s*;)?", sql, re.I):
            kind, name, ended = m.group(1).upper(), m.group(2), m.group(3)
            if kind == "SCHEMA":
                schema = "public" if ended else name
            else:
                full = name if "." in name else schema + "." + name
                found[full.lower()] = name_words(full.split(".")[1])
    return found


def stands_in(needle, hay):
    return any(hay[i:i + len(needle)] == needle for i in range(len(hay)))


def check(lines, known):
    problems, ids = [], set()
    rows = [json.loads(line) for line in lines if line.strip()]
    if len(rows) < 25:
        problems.append(f"only {len(rows)} questions, 25 wanted")
    for row in rows:
        at, asked, gold = row["id"], words(row["question"]), row["tables"]
        if at in ids:
            problems.append(f"{at}: id used twice")
        ids.add(at)
        if not 1 <= len(gold) <= 3:
            problems.append(f"{at}: {len(gold)} tables listed, 1 to 3 wanted")
        for table in gold:
            if table not in known:
                problems.append(f"{at}: no table {table} in the schema")
            elif set(known[table]) <= set(asked):
                problems.append(f"{at}: the question names {table}")
        for table, name in known.items():
            joined = table.split(".")[1]
            if (len(name) > 1 and (stands_in(name, asked) or joined in asked)) and table not in gold:
                problems.append(f"{at}: the question holds the name of {table}")
    return problems, len(rows), len({t for row in rows for t in row["tables"]})


def main(argv):
    if len(argv) != 3:
        print("usage: check.py QUESTIONS.jsonl SCHEMA_DIRECTORY", file=sys.stderr)
        return 2
    known = tables(argv[2])
    with open(argv[1], encoding="utf-8") as f:
        problems, count, distinct = check(f, known)
    for problem in problems:
        print(f"{argv[1]}: {problem}", file=sys.stderr)
    if not problems:
        print(f"{argv[1]}: {count} questions about {distinct} of {len(known)} tables, none named")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
