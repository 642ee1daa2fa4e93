"""join_path(): declared keys first, guesses by name where there are none, ties, rights, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import PG, create_database, load_schema, one, wait_indexed

from tools.cluster import Cluster

SHOP = """
CREATE TABLE customer (id int PRIMARY KEY, referrer_id int REFERENCES customer);
CREATE TABLE address (id int PRIMARY KEY);
CREATE TABLE "order" (id int PRIMARY KEY, customer_id int REFERENCES customer,
    billing_address_id int REFERENCES address, shipping_address_id int REFERENCES address);
CREATE TABLE item (order_id int REFERENCES "order", line int, PRIMARY KEY (order_id, line));
CREATE TABLE ticket (id int PRIMARY KEY, customer_id int REFERENCES customer);
CREATE TABLE parcel (item_order_id int, item_line int, FOREIGN KEY (item_order_id, item_line) REFERENCES item);
CREATE TABLE visit (customer_id bigint, note text);
CREATE TABLE lone (a int);
"""


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SHOP)  # type: ignore[arg-type]
        wait_indexed(connection)
        yield connection


def paths(connection: psycopg.Connection[Any], *tables: str, most: int = 3) -> list[list[str]]:
    """The conditions of each path."""
    rows = connection.execute("SELECT path, condition FROM schema_monitor.join_path(%s, %s)", (list(tables), most))
    found: dict[int, list[str]] = {}
    for path, condition in rows:
        found.setdefault(path, []).append(condition)
    return [found[path] for path in sorted(found)]


def test_what_lies_between_is_joined_too(shop: psycopg.Connection[Any]) -> None:
    through = ["item.order_id = \"order\".id", "\"order\".customer_id = customer.id"]
    assert paths(shop, "item", "customer") == [through]
    assert paths(shop, "item", "customer", "order") == [through]
    assert paths(shop, "item") == []


def test_two_keys_are_two_paths(shop: psycopg.Connection[Any]) -> None:
    both = [["\"order\".billing_address_id = address.id"], ["\"order\".shipping_address_id = address.id"]]
    assert paths(shop, "order", "address") == both
    assert paths(shop, "order", "address", most=1) == both[:1]


def test_composite_and_self_joins(shop: psycopg.Connection[Any]) -> None:
    assert paths(shop, "parcel", "item") == [["parcel.item_order_id = item.order_id AND parcel.item_line = item.line"]]
    assert paths(shop, "customer", "customer") == [["customer.referrer_id = customer_2.id"]]
    aliases = one(shop, "SELECT from_alias, to_alias, to_table FROM schema_monitor.join_path('{customer,customer}')")
    assert aliases == ("customer", "customer_2", "public.customer")


def test_a_common_parent_is_left_out(shop: psycopg.Connection[Any]) -> None:
    """Its row is there and there once: comparing the columns that refer to it gives the same rows."""
    assert paths(shop, "ticket", "order") == [["ticket.customer_id = \"order\".customer_id"]]
    assert paths(shop, "ticket", "order", "customer") == [
        ["ticket.customer_id = customer.id", "customer.id = \"order\".customer_id"]
    ]
    shop.execute("INSERT INTO customer VALUES (1), (2); INSERT INTO ticket VALUES (1, 1), (2, NULL), (3, 2); INSERT INTO \"order\" VALUES (1, 1), (2, 1), (3, NULL)")
    short = one(shop, "SELECT count(*) FROM ticket JOIN \"order\" ON ticket.customer_id = \"order\".customer_id")
    long = one(shop, "SELECT count(*) FROM ticket JOIN customer ON ticket.customer_id = customer.id JOIN \"order\" ON customer.id = \"order\".customer_id")
    assert short == long == (2,)


def test_of_ways_that_tie_the_plainest_comes_first(connection: psycopg.Connection[Any]) -> None:
    """Keys that are called as what they refer to, then relations that were given next to each other, then the columns' order."""
    connection.execute(
        "CREATE TABLE doctor (doctor_id int PRIMARY KEY);"
        "CREATE TABLE ward (ward_id int PRIMARY KEY, head int REFERENCES doctor, ward_doctor_id int);"
        "CREATE TABLE duty (duty_id int PRIMARY KEY, ward_id int REFERENCES ward, doctor_id int REFERENCES doctor);"
        "CREATE TABLE note (zulu_doctor_id int REFERENCES doctor, author int REFERENCES doctor, alpha_doctor_id int REFERENCES doctor)"
    )
    wait_indexed(connection)
    assert paths(connection, "ward", "doctor", "duty")[0] == ["ward.ward_id = duty.ward_id", "duty.doctor_id = doctor.doctor_id"]
    keys = [["note.zulu_doctor_id = doctor.doctor_id"], ["note.alpha_doctor_id = doctor.doctor_id"], ["note.author = doctor.doctor_id"]]
    assert paths(connection, "note", "doctor") == keys
    assert paths(connection, "note", "doctor", most=1) == keys[:1]
    connection.execute("ALTER TABLE ward DROP CONSTRAINT ward_head_fkey, ADD FOREIGN KEY (ward_doctor_id) REFERENCES doctor")
    wait_indexed(connection)
    assert ["duty.doctor_id = doctor.doctor_id"] == paths(connection, "ward", "duty", "doctor")[0][1:]
    assert "ward.ward_doctor_id = doctor.doctor_id" in paths(connection, "duty", "ward", "doctor")[0]
    chain = ["ward.ward_doctor_id = doctor.doctor_id", "doctor.doctor_id = duty.doctor_id"]
    assert set(paths(connection, "ward", "doctor", "duty")[0]) == set(chain), "as they were given"


def test_a_question_decides_between_ways_that_tie(shop: psycopg.Connection[Any]) -> None:
    path = "SELECT condition FROM schema_monitor.join_path('{order,address}', 1, %s)"
    for question, column in (
        ("where was it shipped to", "shipping_address_id"),
        ("", "billing_address_id"),
        ("💥 \x01 nothing of it", "billing_address_id"),
    ):
        assert one(shop, path, question) == (f'"order".{column} = address.id',), question
    both = shop.execute("SELECT count(*) FROM schema_monitor.join_path('{order,address}', question => 'shipping')").fetchall()
    assert both == [(2,)], "the other way is told, too"
    nothing = "SELECT count(*) FROM schema_monitor.join_path('{order,address}', question => NULL)"
    assert one(shop, nothing) == (0,)
    # the last of very many keys
    keys = ", ".join(f"k{number}_id int REFERENCES day" for number in range(12))
    shop.execute(f"CREATE TABLE day (id int PRIMARY KEY); CREATE TABLE fact ({keys}, returned_id int REFERENCES day)")  # type: ignore[arg-type]
    wait_indexed(shop)
    late = "SELECT condition FROM schema_monitor.join_path('{fact,day}', 1, 'when was it returned')"
    assert one(shop, late) == ("fact.returned_id = day.id",)
    # words that say nothing decide nothing
    shop.execute("CREATE TABLE person (id int PRIMARY KEY); CREATE TABLE employee (id int PRIMARY KEY REFERENCES person, boss_id int REFERENCES person)")
    wait_indexed(shop)
    for question in ("", "who pays"):
        plain = "SELECT condition FROM schema_monitor.join_path('{employee,person}', 1, %s)"
        assert one(shop, plain, question) == ("employee.id = person.id",), question
    # no detour because of a word
    direct = "SELECT condition FROM schema_monitor.join_path('{ticket,customer}', 1, 'who referred the customer')"
    assert one(shop, direct) == ("ticket.customer_id = customer.id",)


def test_a_column_in_common_is_the_last_resort(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        """CREATE TABLE pupil (last_name text, first_name text, classroom int, note text);
           CREATE TABLE teacher (last_name text, first_name text, classroom int, note text);
           CREATE TABLE room (id int PRIMARY KEY, classroom int, note text);
           CREATE TABLE stranger (last_name text, note text, payload json, is_new bool, birthday date);
           CREATE TABLE foreigner (first_name text, payload json, is_new bool, birthday date)"""
    )
    wait_indexed(connection)
    rows = connection.execute("SELECT condition, constraint_name, confidence FROM schema_monitor.join_path('{pupil,teacher}')").fetchall()
    assert rows == [("pupil.classroom = teacher.classroom", None, 0.3)]
    with pytest.raises(psycopg.errors.NoDataFound):
        connection.execute("SELECT * FROM schema_monitor.join_path('{pupil,stranger}')")
    with pytest.raises(psycopg.errors.NoDataFound):
        connection.execute("SELECT * FROM schema_monitor.join_path('{stranger,foreigner}')")
    (text,) = one(connection, "SELECT schema_monitor.context('', 4000, tables => '{pupil,teacher}')")
    assert "Joins" not in text, text
    # nothing that is added up may be joined so: rows would count many times
    intent = '{"metrics": [{"function": "count", "of": "pupil"}], "dimensions": [{"of": "teacher.last_name"}]}'
    with pytest.raises(psycopg.errors.NoDataFound):
        connection.execute("SELECT * FROM schema_monitor.build_query(%s::jsonb)", (intent,))
    connection.execute("ALTER TABLE room ADD UNIQUE (classroom)")
    wait_indexed(connection)
    surer = connection.execute("SELECT condition FROM schema_monitor.join_path('{pupil,room}', 1)").fetchall()
    assert surer == [("pupil.classroom = room.classroom",)]


def test_a_guess_says_so(shop: psycopg.Connection[Any]) -> None:
    row = one(shop, "SELECT condition, constraint_name, confidence FROM schema_monitor.join_path('{visit,customer}')")
    assert row[:2] == ("visit.customer_id = customer.id", None)
    assert 0 < row[2] < 1
    declared = one(shop, "SELECT constraint_name, confidence FROM schema_monitor.join_path('{ticket,customer}')")
    assert declared == ("ticket_customer_id_fkey", 1.0)


def test_no_path_and_wrong_names_are_clear_errors(shop: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.NoDataFound) as apart:
        paths(shop, "visit", "lone", "customer")
    assert apart.value.diag.message_detail == "Apart from each other are: public.visit, public.customer; public.lone."
    with pytest.raises(psycopg.errors.UndefinedTable) as wrong:
        paths(shop, "custmer", "order")
    assert wrong.value.diag.message_hint == "Perhaps you meant public.customer."
    with pytest.raises(psycopg.errors.UndefinedTable):
        paths(shop, "x" * 1_000_000, "item")
    for arguments in ("'{}'", "'{NULL}'", "'{item}', 0", "'{item}', 100"):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            shop.execute(f"SELECT * FROM schema_monitor.join_path({arguments})")  # type: ignore[arg-type]
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        shop.execute("CREATE TABLE IF NOT EXISTS t1 (); CREATE TABLE IF NOT EXISTS t2 ()")
        for number in range(3, 10):
            shop.execute(f"CREATE TABLE t{number} ()")  # type: ignore[arg-type]
        wait_indexed(shop)
        paths(shop, *(f"t{number}" for number in range(1, 10)))


def test_names_are_found_where_the_caller_looks(cluster: Cluster, database: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute(
            "CREATE SCHEMA a; CREATE SCHEMA b;"
            "CREATE TABLE a.parent (id int PRIMARY KEY); CREATE TABLE a.child (parent_id int REFERENCES a.parent);"
            "CREATE TABLE b.parent (id int PRIMARY KEY); CREATE TABLE b.child (parent_id int REFERENCES b.parent)"
        )
        wait_indexed(connection)
        for schema in ("a", "b"):
            connection.execute(f"SET search_path = {schema}")  # type: ignore[arg-type]
            row = one(connection, "SELECT from_table, to_table FROM schema_monitor.join_path('{child,parent}')")
            assert row == (f"{schema}.child", f"{schema}.parent")
        connection.execute("SET search_path = public")
        with pytest.raises(psycopg.errors.UndefinedTable) as several:
            paths(connection, "child", "parent")
        assert several.value.diag.message_hint == "Perhaps you meant a.child or b.child."
        assert paths(connection, "a.child", "b.parent") == [["child.parent_id = parent.id"]], "a guess across schemas"


def test_what_may_not_be_seen_joins_nothing(cluster: Cluster, database: str, reader: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute(
            "CREATE TABLE left_one (id int PRIMARY KEY); CREATE TABLE right_one (id int PRIMARY KEY);"
            "CREATE TABLE between (left_id int REFERENCES left_one, right_id int REFERENCES right_one);"
            f"GRANT SELECT ON left_one, right_one TO {reader}"  # type: ignore[arg-type]
        )
        wait_indexed(connection)
        assert len(paths(connection, "left_one", "right_one")) == 1
        with cluster.connect(database, user=reader) as limited:
            with pytest.raises(psycopg.errors.NoDataFound) as hidden:
                paths(limited, "left_one", "right_one")
            assert "between" not in str(hidden.value.diag.message_detail)
            with pytest.raises(psycopg.errors.UndefinedTable) as unknown:
                paths(limited, "between", "left_one")
            assert unknown.value.diag.message_hint is None
        connection.execute(f"GRANT SELECT (left_id) ON between TO {reader}")  # type: ignore[arg-type]
        with cluster.connect(database, user=reader) as limited, pytest.raises(psycopg.errors.NoDataFound):
            paths(limited, "left_one", "right_one")


@pytest.mark.skipif(PG < 18, reason="PostgreSQL 18 brought foreign keys over periods")
def test_a_key_over_periods_is_no_equality(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "CREATE TABLE era (k int4range, held daterange, PRIMARY KEY (k, held WITHOUT OVERLAPS));"
        "CREATE TABLE reign (k int4range, held daterange, FOREIGN KEY (k, PERIOD held) REFERENCES era (k, PERIOD held))"
    )
    wait_indexed(connection)
    with pytest.raises(psycopg.errors.NoDataFound):
        paths(connection, "era", "reign")
    assert "FOREIGN KEY" not in str(one(connection, "SELECT schema_monitor.context('reign')"))


def test_real_schemas(data: None, cluster: Cluster) -> None:
    database = create_database(cluster)
    load_schema(cluster, database, "pagila")
    with cluster.connect(database) as connection:
        wait_indexed(connection, 300)
        assert paths(connection, "actor", "film") == [["actor.actor_id = film_actor.actor_id", "film_actor.film_id = film.film_id"]]
        chain = paths(connection, "customer", "country")
        assert chain == [["customer.address_id = address.address_id", "address.city_id = city.city_id", "city.country_id = country.country_id"]]
        for path in paths(connection, "rental", "film", "customer"):
            joined = " ".join(f"({condition})" for condition in path)
            assert "inventory" in joined
