#!/bin/sh
# Keeps the schema of a database under version control, and fails where a migration and the recorded schema disagree.
#
#   schema-monitor.sh record   writes FILE (the schema as JSON) and FILE.sha256 (its fingerprint)
#   schema-monitor.sh check    1 if the database is other than FILE.sha256 says, or if FILE does not belong to it
#   schema-monitor.sh commit   the same, for a git hook: only when the commit touches MIGRATIONS or FILE
#   schema-monitor.sh install  makes `commit` the pre-commit hook of the repository it is called in
#
# Needs psql and sha256sum; the connection is psql's own (PGHOST, PGDATABASE, a service …) or DATABASE_URL. Settings from the environment:
#   SCHEMA_MONITOR_FILE        where the schema is kept           (schema.json)
#   SCHEMA_MONITOR_MIGRATIONS  where migrations are kept          (migrations)
set -eu

file=${SCHEMA_MONITOR_FILE:-schema.json}
migrations=${SCHEMA_MONITOR_MIGRATIONS:-migrations}

say() { printf 'schema-monitor: %s\n' "$*" >&2; }

ask() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 ${DATABASE_URL:+"$DATABASE_URL"} -c "$1"
}

# The history is brought up to date first. The text is that of the structure: what differs from server to server
# (numbers in the catalogs, owners, the order of columns) is left out, so that it reads well in a review.
schema() {
    ask "SET client_min_messages = warning; SELECT FROM schema_monitor.check()" >/dev/null
    ask "SELECT jsonb_pretty(coalesce(jsonb_agg(s.o ORDER BY s.o ->> 'kind', s.o ->> 'schema', s.o ->> 'name', s.o ->> 'arguments'), '[]'))
         FROM (
             SELECT (o - 'access') || CASE WHEN o ? 'parts' THEN jsonb_build_object('parts', (
                 SELECT jsonb_agg(p - 'number' - 'access' ORDER BY p ->> 'kind', p ->> 'name')
                 FROM jsonb_array_elements(o -> 'parts') AS p)) ELSE '{}' END AS o
             FROM jsonb_array_elements(schema_monitor.schema_at() -> 'objects') AS o) AS s"
}

fingerprint() { ask "SELECT schema_monitor.fingerprint()"; }

record() {
    schema >"$file.new"
    printf '%s  %s\n' "$(fingerprint)" "$(sha256sum <"$file.new" | cut -d' ' -f1)" >"$file.sha256.new"
    mv "$file.new" "$file"
    mv "$file.sha256.new" "$file.sha256"
    say "recorded $(cut -c1-16 "$file.sha256") in $file"
}

check() {
    if [ ! -f "$file" ] || [ ! -f "$file.sha256" ]; then
        say "$file or $file.sha256 is missing: run schema-monitor.sh record"
        return 1
    fi
    read -r recorded content <"$file.sha256"
    if [ "$(sha256sum <"$file" | cut -d' ' -f1)" != "$content" ]; then
        say "$file was edited by hand: run schema-monitor.sh record against a database with every migration"
        return 1
    fi
    now=$(fingerprint)
    if [ "$now" != "$recorded" ]; then
        say "the database has $(printf %.16s "$now"), $file.sha256 says $(printf %.16s "$recorded"): a migration was not run, or the schema was changed without one"
        return 1
    fi
}

commit() {
    staged=$(git diff --cached --name-only)
    touches() { printf '%s\n' "$staged" | grep -q "^$1"; }
    if ! touches "$migrations/" && ! touches "$file"; then
        return 0
    fi
    if touches "$migrations/" && ! touches "$file.sha256"; then
        if why=$(check 2>&1); then
            return 0 # a migration that changes no structure
        fi
        say "the commit has a migration and not the schema it leads to: run it, then schema-monitor.sh record, and add $file and $file.sha256"
        printf '%s\n' "$why" >&2
        return 1
    fi
    check
}

install() {
    hooks=$(git rev-parse --git-path hooks)
    mkdir -p "$hooks"
    if [ -e "$hooks/pre-commit" ]; then
        say "$hooks/pre-commit is there already: call \"$0 commit\" from it"
        return 1
    fi
    own=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
    printf '#!/bin/sh\nexec "%s" commit\n' "$own" >"$hooks/pre-commit"
    chmod +x "$hooks/pre-commit"
    say "installed $hooks/pre-commit"
}

case "${1:-}" in
    record | check | commit | install) "$1" ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
