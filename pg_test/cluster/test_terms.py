"""Business terms: what is taught, what is guessed, who may see it, and what becomes of it when the schema changes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import create_database, dump, one, wait_indexed

from tools.cluster import Cluster

SHOP = """
CREATE SCHEMA shop; CREATE SCHEMA hr;
CREATE TABLE shop.orders (order_id int PRIMARY KEY, placed_at timestamptz, status text);
CREATE TABLE shop.order_line (order_id int REFERENCES shop.orders, qty int, unit_price numeric, note text);
CREATE TABLE shop.customer (customer_id int PRIMARY KEY, last_name text, first_name text, birth_dt date, colr text);
CREATE TABLE hr.pay (emp_id int, net_pay numeric, modified_at timestamptz);
"""


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SHOP)  # type: ignore[arg-type]
        wait_indexed(connection)
        yield connection


def mapped(connection: psycopg.Connection[Any], term: str, **more: Any) -> list[tuple[Any, ...]]:
    named = "".join(f", {name} => %s" for name in more)
    sql = f"SELECT mapping, kind, source, confidence FROM schema_monitor.map_term(%s{named}) ORDER BY rank"
    return connection.execute(sql, (term, *more.values())).fetchall()  # type: ignore[arg-type]


def test_the_chain_from_taught_to_configured_to_nothing(shop: psycopg.Connection[Any]) -> None:
    assert mapped(shop, "order status")[0][:3] == ("shop.orders.status", "exact", "exact")
    for term, column in (("surname", "shop.customer.last_name"), ("date of birth", "shop.customer.birth_dt"), ("take-home pay", "hr.pay.net_pay")):
        mapping, kind, source, confidence = mapped(shop, term)[0]
        assert (mapping, kind, source) == (column, "similar", "semantic") and 0.5 <= confidence <= 1, (term, mapping, source)
    assert mapped(shop, "turnover")[0][:3] == ("shop.order_line.qty * shop.order_line.unit_price", "derived", "semantic")
    assert {row[2] for row in mapped(shop, "surname", threshold=1.0)} == {"fuzzy"}, "no guess is quite sure"
    assert mapped(shop, "order status", threshold=1.0)[0][:3] == ("shop.orders.status", "exact", "exact"), "what is called so is no guess"
    assert mapped(shop, "the last name of that customer who placed most orders, or the surname")[0][0] == "shop.customer.last_name", "longer than what can be taught"
    assert mapped(shop, "quarks and gluons") == []
    shop.execute("SET schema_monitor.static_terms = '{\"Quarks and Gluons\": \"shop.order_line.note\", \"gone\": \"shop.nothing\"}'")
    assert [row[:3] for row in mapped(shop, "quarks, gluons")] == []
    assert [row[:3] for row in mapped(shop, "the quarks and gluons")] == [("shop.order_line.note", "exact", "configured")]
    assert mapped(shop, "gone quarks") == []
    assert one(shop, "SELECT schema_monitor.learn('quarks and gluons', 'shop.customer.colr')") == (0.8,)
    assert [row[:3] for row in mapped(shop, "Quark and gluon")][0] == ("shop.customer.colr", "exact", "learned")
    ranks = [row[3] for row in mapped(shop, "customer name", max_results=10)]
    assert ranks == sorted(ranks, reverse=True) and len(mapped(shop, "customer name", max_results=2)) == 2


def test_a_view_stands_behind_what_it_shows(cluster: Cluster, shop: psycopg.Connection[Any]) -> None:
    """Also through another view; not where the view is what is called so, nor where it computes what has the same name."""
    shop.execute(
        "CREATE SCHEMA v; CREATE VIEW v.a AS SELECT customer_id, last_name FROM shop.customer;"
        "CREATE VIEW v.b AS SELECT last_name FROM v.a;"
        "CREATE VIEW v.debtor AS SELECT c.last_name FROM shop.customer AS c WHERE c.customer_id > 0;"
        "CREATE TABLE hr.payment (emp_id int, paid_on date, amount numeric);"
        "CREATE VIEW hr.daily_payment AS SELECT paid_on, sum(amount) AS amount FROM hr.payment GROUP BY paid_on;"
        "COMMENT ON COLUMN hr.daily_payment.amount IS 'takings of the whole day'"
    )
    wait_indexed(shop)
    order = [row[0] for row in mapped(shop, "last names of people", max_results=10)]
    assert order.index("shop.customer.last_name") < min(order.index("v.a.last_name"), order.index("v.b.last_name"))
    assert mapped(shop, "debtor last name")[0][:3] == ("v.debtor.last_name", "exact", "exact")
    assert mapped(shop, "daily payment amount")[0][:3] == ("hr.daily_payment.amount", "exact", "exact")
    assert mapped(shop, "payment amount")[0][:3] == ("hr.payment.amount", "exact", "exact")
    assert mapped(shop, "takings of the whole day")[0][0] == "hr.daily_payment.amount", "a sum shows no row's amount"
    role = f"reader_{shop.info.dbname}"
    shop.execute(f"CREATE ROLE {role}; GRANT USAGE ON SCHEMA v, shop TO {role}; GRANT SELECT ON v.b TO {role}; SET ROLE {role}")
    assert {row[0] for row in mapped(shop, "last names of people", max_results=10)} == {"v.b.last_name"}
    shop.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


def test_context_decides_between_likes(shop: psycopg.Connection[Any]) -> None:
    shop.execute("CREATE TABLE shop.refund (refund_id int, amount_due numeric); CREATE TABLE hr.bonus (bonus_id int, amount_due numeric)")
    wait_indexed(shop)
    firsts = {context: mapped(shop, "sum that is due", context=context)[0][0] for context in ("bonus of the staff", "refund to a customer")}
    assert firsts == {"bonus of the staff": "hr.bonus.amount_due", "refund to a customer": "shop.refund.amount_due"}


def test_teaching_raises_confidence_and_forgetting_undoes_it(shop: psycopg.Connection[Any]) -> None:
    sales = "shop.order_line.qty * shop.order_line.unit_price"
    learn = "SELECT schema_monitor.learn('net sales', %s)"
    assert one(shop, learn, sales) == (0.8,)
    shop.execute("SET schema_monitor.learning_step = 0.15")
    assert one(shop, learn, "order_line.qty  *  shop.order_line.unit_price")[0] == 0.8, "in other words another mapping"
    assert one(shop, learn, sales)[0] == pytest.approx(0.95)
    assert one(shop, learn, sales)[0] == 1, "never past 1"
    assert one(shop, "SELECT schema_monitor.mapping_confidence('Net Sales', %s)", sales) == (1,)
    assert one(shop, "SELECT schema_monitor.learn('net sales', %s, 0.3)", sales) == (0.3,)
    term, mapping, successes, by, stale = one(shop, "SELECT term, mapping, successes, taught_by, stale FROM schema_monitor.glossary ORDER BY successes DESC LIMIT 1")
    assert (term, mapping, successes, by, stale) == ("net sales", sales, 4, "postgres", False)
    assert one(shop, "SELECT taught_at > now() - interval '1 minute' FROM schema_monitor.glossary LIMIT 1") == (True,)
    assert one(shop, "SELECT schema_monitor.forget('net sales', %s)", sales) == (1,)
    assert one(shop, "SELECT schema_monitor.forget('net sales')") == (1,)
    assert one(shop, "SELECT schema_monitor.forget('net sales')") == (0,)
    assert shop.execute("SELECT * FROM schema_monitor.glossary").fetchall() == []
    assert one(shop, "SELECT schema_monitor.mapping_confidence('surname', 'shop.customer.last_name') > 0.5, schema_monitor.mapping_confidence('surname', 'shop.orders.order_id') < 0.1") == (True, True)


def test_what_is_taught_twice_at_once_is_one(cluster: Cluster, shop: psycopg.Connection[Any]) -> None:
    """In one statement, and by two sessions one of which waits for the other."""
    shop.execute("SELECT schema_monitor.learn('net sales', 'shop.order_line.qty') FROM generate_series(1, 3)")
    assert one(shop, "SELECT count(*), max(successes) FROM schema_monitor.glossary") == (1, 3)
    with shop.transaction():
        shop.execute("SELECT schema_monitor.learn('net sales', 'shop.order_line.qty')")
        with cluster.connect(shop.info.dbname) as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute("SELECT schema_monitor.learn('gross', 'shop.order_line.qty')")
            other.execute("DELETE FROM schema_monitor._term WHERE false")  # as the monitor forgets


def test_a_view_made_anew_keeps_its_terms_by_name(shop: psycopg.Connection[Any]) -> None:
    shop.execute("CREATE VIEW shop.v AS SELECT unit_price AS price, qty FROM shop.order_line")
    wait_indexed(shop)
    shop.execute("SELECT schema_monitor.learn('net price', 'shop.v.price')")
    with shop.transaction():
        shop.execute("DROP VIEW shop.v; CREATE VIEW shop.v AS SELECT qty AS discount, unit_price AS price FROM shop.order_line")
    wait_indexed(shop)
    assert mapped(shop, "net price")[0][:3] == ("shop.v.price", "exact", "learned")


def test_similar_terms(shop: psycopg.Connection[Any]) -> None:
    for term, mapping in (("net sales", "shop.order_line.unit_price"), ("buyer", "shop.customer"), ("paint", "shop.customer.colr")):
        shop.execute("SELECT schema_monitor.learn(%s, %s)", (term, mapping))
    similar = "SELECT similar_term, mapping FROM schema_monitor.similar_terms(%s)"
    assert shop.execute(similar, ("client",)).fetchall() == [("buyer", "shop.customer")]
    assert shop.execute(similar, ("nett sales",)).fetchall() == [("net sales", "shop.order_line.unit_price")]
    assert one(shop, "SELECT similarity FROM schema_monitor.similar_terms('Net sale')") == (1,)
    assert shop.execute(similar, ("velocity",)).fetchall() == []


def test_what_was_taught_is_found_and_told(shop: psycopg.Connection[Any]) -> None:
    search = "SELECT identity, lexical_score FROM schema_monitor.search('weekly zorkmids', 1)"
    assert shop.execute(search).fetchall() == [] or one(shop, search)[1] == 0
    shop.execute("SELECT schema_monitor.learn('zorkmid', 'hr.pay.net_pay')")
    identity, lexical = one(shop, search)
    assert identity == "hr.pay" and lexical > 0
    assert one(shop, "SELECT column_name FROM schema_monitor.search('weekly zorkmids', 1, '{column}')") == ("net_pay",)
    reasons = shop.execute("SELECT reason FROM schema_monitor.explain_search('weekly zorkmids', 1) WHERE part = 'words'").fetchall()
    assert reasons == [("zorkmid (taught)",)]
    assert "-- Terms: zorkmid = hr.pay.net_pay\n" in one(shop, "SELECT schema_monitor.context('weekly zorkmids')")[0]
    assert json.loads(one(shop, "SELECT schema_monitor.context('zorkmids', format => 'json')")[0])["terms"] == {"zorkmid": "hr.pay.net_pay"}
    assert "Terms" not in one(shop, "SELECT schema_monitor.context('customers')")[0]
    kinds = shop.execute("SELECT * FROM schema_monitor.search('zorkmid', 5, '{view}') WHERE lexical_score > 0").fetchall()
    assert kinds == [], "filters hold for it, too"


def test_it_follows_renames_and_tells_what_is_gone(cluster: Cluster, shop: psycopg.Connection[Any]) -> None:
    shop.execute("SELECT schema_monitor.learn('net sales', 'shop.order_line.qty * shop.order_line.unit_price'), schema_monitor.learn('hue', 'shop.customer.colr')")
    shop.execute("ALTER TABLE shop.order_line RENAME qty TO pieces; ALTER TABLE shop.order_line ADD qty int; ALTER TABLE shop.order_line RENAME TO \"Line\"; ALTER SCHEMA shop RENAME TO store")
    wait_indexed(shop)
    wanted = 'store."Line".pieces * store."Line".unit_price'
    assert mapped(shop, "net sales")[0][:3] == (wanted, "derived", "learned")
    shop.execute("ALTER TABLE store.customer DROP colr")
    wait_indexed(shop)
    assert one(shop, "SELECT mapping, stale FROM schema_monitor.glossary WHERE term = 'hue'") == ("store.customer.colr", True)
    assert all(row[2] != "learned" for row in mapped(shop, "hue"))
    shop.execute("DROP TABLE store.\"Line\"")
    wait_indexed(shop)
    assert one(shop, "SELECT stale FROM schema_monitor.glossary WHERE term = 'net sales'") == (True,)
    assert one(shop, "SELECT schema_monitor.forget('hue', 'store.customer.colr')") == (1,)
    assert one(shop, "SELECT schema_monitor.forget('net sales')") == (1,)


def test_it_is_dumped_and_restored(cluster: Cluster, shop: psycopg.Connection[Any], tmp_path: Path) -> None:
    """Where columns have other numbers: before column 3 one was dropped."""
    shop.execute("ALTER TABLE shop.orders DROP placed_at; ALTER TABLE shop.orders ADD closed_at timestamptz")
    wait_indexed(shop)
    shop.execute("SELECT schema_monitor.learn('finish', 'shop.orders.closed_at'), schema_monitor.learn('state', 'shop.orders.status', 0.9)")
    file = dump(cluster, shop.info.dbname, tmp_path / "dump.sql")
    target = create_database(cluster, extension=False)
    cluster.psql(file=file, dbname=target)
    with cluster.connect(target) as connection:
        wait_indexed(connection)
        for _ in range(2):
            found = connection.execute("SELECT term, mapping, confidence, stale FROM schema_monitor.glossary ORDER BY term").fetchall()
            assert found == [("finish", "shop.orders.closed_at", 0.8, False), ("state", "shop.orders.status", 0.9, False)]
            connection.execute("SELECT schema_monitor.check(true)")
        connection.execute("ALTER TABLE shop.orders RENAME closed_at TO done_at")
        wait_indexed(connection)
        assert mapped(connection, "finish")[0][:3] == ("shop.orders.done_at", "exact", "learned")


def test_a_glossary_goes_out_and_comes_in(shop: psycopg.Connection[Any]) -> None:
    shop.execute("SELECT schema_monitor.learn('net \"sales\", all', 'shop.order_line.qty * shop.order_line.unit_price'), schema_monitor.learn('client', 'shop.customer', 1)")
    (as_json,), (as_csv,) = one(shop, "SELECT schema_monitor.export_glossary()"), one(shop, "SELECT schema_monitor.export_glossary('csv')")
    lines = json.loads(as_json)
    assert lines == [{**line, "confidence": float(line["confidence"])} for line in csv.DictReader(io.StringIO(as_csv))]
    assert {line["term"]: line["confidence"] for line in lines} == {'net "sales", all': 0.8, "client": 1.0}
    for content, form in ((as_json, "json"), (as_csv, "csv")):
        shop.execute("SELECT schema_monitor.forget(term) FROM (SELECT term FROM schema_monitor.glossary) AS t")
        assert one(shop, "SELECT schema_monitor.import_glossary(%s, %s)", content, form) == (2,)
        assert json.loads(one(shop, "SELECT schema_monitor.export_glossary()")[0]) == lines
    before = shop.execute("SELECT * FROM schema_monitor.glossary ORDER BY 1").fetchall()
    wrong: list[tuple[str, str, type[psycopg.Error], str]] = [
        ('[{"term": "x", "mapping": "shop.orders"}, {"term": "b", "mapping": "shop.nothing"}]', "json", psycopg.errors.UndefinedTable, "line 2"),
        ('[{"term": "x", "mapping": "shop.orders", "colour": 1}]', "json", psycopg.errors.InvalidParameterValue, "colour"),
        ('{"term": "a"}', "json", psycopg.errors.InvalidParameterValue, "JSON"),
        ("term,mapping\nx,shop.orders\nb", "csv", psycopg.errors.InvalidParameterValue, "CSV"),
        ('[{"term": "x", "mapping": "shop.orders", "confidence": 2}]', "json", psycopg.errors.InvalidParameterValue, "line 1"),
        ("[]", "xml", psycopg.errors.InvalidParameterValue, "json or csv"),
    ]
    for content, form, error, told in wrong:
        with pytest.raises(error) as caught:
            shop.execute("SELECT schema_monitor.import_glossary(%s, %s)", (content, form))
        assert told in f"{caught.value} {caught.value.diag.message_detail}", (content, str(caught.value))
    assert shop.execute("SELECT * FROM schema_monitor.glossary ORDER BY 1").fetchall() == before, "all lines or none"


def test_wrong_mappings_and_terms_are_refused(shop: psycopg.Connection[Any]) -> None:
    wrong: list[tuple[str | None, str | None, type[psycopg.Error]]] = [
        ("x y", "shop.order", psycopg.errors.UndefinedTable),
        ("x y", "shop.orders.statu", psycopg.errors.UndefinedColumn),
        ("x y", "shop.orders.status +", psycopg.errors.SyntaxError),
        ("x y", "shop.orders.status * 2", psycopg.errors.UndefinedFunction),
        ("x y", "1 + 1", psycopg.errors.InvalidParameterValue),
        ("x y", "shop.orders.status) FROM shop.orders; DROP TABLE shop.orders; --", psycopg.errors.InvalidParameterValue),
        ("x y", "a.b.c.d", psycopg.errors.InvalidParameterValue),
        ("x y", "", psycopg.errors.InvalidParameterValue),
        ("x y", None, psycopg.errors.InvalidParameterValue),
        ("", "shop.orders", psycopg.errors.InvalidParameterValue),
        ("the of", "shop.orders", psycopg.errors.InvalidParameterValue),
        (None, "shop.orders", psycopg.errors.InvalidParameterValue),
        ("x" * 201, "shop.orders", psycopg.errors.InvalidParameterValue),
        ("one two three four five six seven", "shop.orders", psycopg.errors.InvalidParameterValue),
        ("x\ty", "shop.orders", psycopg.errors.InvalidParameterValue),
        ("x y", "shop.order_line.qty * unit_price", psycopg.errors.InvalidParameterValue),
        ("x y", "shop.order_line.qty + (SELECT count(*) FROM hr.pay)", psycopg.errors.UndefinedTable),
        ("x y", "shop.orders.status /*(*/ ) FROM shop.orders UNION SELECT (status /*)*/", psycopg.errors.InvalidParameterValue),
        ("x y", "shop.order_line.qty -- x", psycopg.errors.InvalidParameterValue),
        ("x y", "shop.orders.status || " * 500 + "'x'", psycopg.errors.InvalidParameterValue),
    ]
    for term, mapping, error in wrong:
        with pytest.raises(error):
            shop.execute("SELECT schema_monitor.learn(%s, %s)", (term, mapping))
    with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
        shop.execute("SELECT schema_monitor.learn('x', 'shop.orders.statu')")
    assert caught.value.diag.message_hint == "Perhaps you meant status."
    for call in ("map_term('x', max_results => 0)", "map_term('x', threshold => 2)", "learn('x', 'shop.orders', -1)", "map_term('')", "similar_terms(NULL)", "export_glossary('xml')"):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            shop.execute(f"SELECT schema_monitor.{call}")  # type: ignore[arg-type]
    shop.execute("SET schema_monitor.static_terms = '[1]'")
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught2:
        mapped(shop, "x")
    assert "static_terms" in str(caught2.value)
    assert shop.execute("SELECT * FROM schema_monitor.glossary").fetchall() == []


def test_whoever_may_not_see_a_column_is_not_told(cluster: Cluster, shop: psycopg.Connection[Any]) -> None:
    shop.execute("SELECT schema_monitor.learn('secret figure', 'hr.pay.net_pay'), schema_monitor.learn('public figure', 'shop.order_line.unit_price'), schema_monitor.learn('pair', 'hr.pay.net_pay + shop.order_line.unit_price')")
    shop.execute("DROP ROLE IF EXISTS term_reader; CREATE ROLE term_reader LOGIN; GRANT USAGE ON SCHEMA shop, hr TO term_reader; GRANT SELECT ON shop.order_line TO term_reader")
    try:
        with cluster.connect(shop.info.dbname, user="term_reader") as reader:
            assert reader.execute("SELECT term FROM schema_monitor.glossary").fetchall() == [("public figure",)]
            assert mapped(reader, "secret figure") == [] or all("hr" not in row[0] for row in mapped(reader, "secret figure"))
            assert "hr." not in str(reader.execute("SELECT * FROM schema_monitor.similar_terms('figure', 0)").fetchall())
            assert "secret" not in one(reader, "SELECT schema_monitor.export_glossary()")[0]
            assert "Terms" not in one(reader, "SELECT schema_monitor.context('secret figure')")[0]
            for call in ("learn('x', 'shop.order_line')", "forget('public figure')", "import_glossary('[]')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(f"SELECT schema_monitor.{call}")  # type: ignore[arg-type]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute("SELECT * FROM schema_monitor._term")
            shop.execute("GRANT EXECUTE ON FUNCTION schema_monitor.learn(text, text, double precision), schema_monitor.forget(text, text) TO term_reader")
            assert one(reader, "SELECT schema_monitor.learn('lines', 'shop.order_line')") == (0.8,)
            with pytest.raises(psycopg.errors.UndefinedTable):
                reader.execute("SELECT schema_monitor.learn('lines', 'hr.pay')")
            assert one(reader, "SELECT schema_monitor.forget('secret figure')") == (0,)
            assert one(reader, "SELECT session_user, current_user") == ("term_reader", "term_reader")
        assert one(shop, "SELECT taught_by FROM schema_monitor.glossary WHERE term = 'lines'") == ("term_reader",)
        assert one(shop, "SELECT count(*) FROM schema_monitor.glossary") == (4,)
    finally:
        shop.execute("DROP OWNED BY term_reader; DROP ROLE term_reader")
