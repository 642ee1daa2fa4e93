//! What an application sees through a real driver: vectors as `pgvector::Vector`, notifications, errors
//! with their SQLSTATE and hint. `pg_test/run.py` starts the server and passes its URL.

use pgvector::Vector;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Config, NoTls};
use std::time::Duration;

/// A connection to a database of its own with the extension.
fn connect(name: &str) -> Client {
    let url = std::env::var("SCHEMA_MONITOR_TEST_URL").expect("SCHEMA_MONITOR_TEST_URL: run through make test");
    let mut admin = Client::connect(&url, NoTls).expect("connects");
    admin
        .batch_execute(&format!("DROP DATABASE IF EXISTS {name}"))
        .expect("drops");
    admin
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .expect("creates");
    let mut config: Config = url.parse().expect("a connection string");
    let mut client = config.dbname(name).connect(NoTls).expect("connects");
    client
        .batch_execute("CREATE EXTENSION schema_monitor CASCADE")
        .expect("installs");
    client
}

fn wait_until_indexed(client: &mut Client) {
    let row = client
        .query_one("SELECT schema_monitor.wait_until_indexed('60 s')", &[])
        .expect("waits");
    assert!(row.get::<_, bool>(0), "indexed in time");
}

#[test]
fn vectors_go_both_ways() {
    let mut client = connect("client_vectors");
    client
        .batch_execute("CREATE TABLE invoice (amount numeric); CREATE TABLE rainfall (mm int)")
        .expect("creates");
    wait_until_indexed(&mut client);
    let row = client
        .query_one("SELECT schema_monitor.embed_query('bills to be paid')", &[])
        .expect("embeds");
    let question: Vector = row.get(0);
    let length: f32 = question.as_slice().iter().map(|value| value * value).sum();
    assert_eq!(question.as_slice().len(), 384);
    assert!((length - 1.0).abs() < 1e-4, "a unit vector, not {length}");
    let nearest = client
        .query_one(
            "SELECT object_name, embedding FROM schema_monitor.schema_embeddings ORDER BY embedding <=> $1 LIMIT 1",
            &[&question],
        )
        .expect("searches");
    assert_eq!(nearest.get::<_, &str>(0), "invoice");
    assert_eq!(nearest.get::<_, Vector>(1).as_slice().len(), 384);
}

#[test]
fn a_listener_hears_of_a_change_and_of_its_index() {
    let mut client = connect("client_listener");
    wait_until_indexed(&mut client);
    client
        .batch_execute("LISTEN schema_changed; LISTEN schema_indexed")
        .expect("listens");
    client
        .batch_execute("CREATE TABLE invoice (amount numeric)")
        .expect("creates");
    let mut channels = Vec::new();
    let mut notifications = client.notifications();
    let mut heard = notifications.timeout_iter(Duration::from_secs(10));
    while channels.len() < 2 {
        let notification = heard.next().expect("no error").expect("in time");
        assert!(notification.payload().starts_with('{') && !notification.payload().contains("invoice"));
        channels.push(notification.channel().to_owned());
    }
    assert_eq!(channels, ["schema_changed", "schema_indexed"]);
}

#[test]
fn an_error_says_what_to_do() {
    let mut client = connect("client_errors");
    let error = client
        .query("SELECT * FROM schema_monitor.search('x', 5, '{tabel}')", &[])
        .expect_err("refused");
    let error = error.as_db_error().expect("from the server");
    assert_eq!(error.code().code(), "22023");
    assert!(
        error
            .detail()
            .is_some_and(|detail| detail.contains("materialized_view"))
    );
    client.batch_execute("BEGIN; CREATE TABLE t (a int)").expect("begins");
    let error = client
        .query("SELECT * FROM schema_monitor.check()", &[])
        .expect_err("refused");
    let error = error.as_db_error().expect("from the server");
    assert_eq!(error.code().code(), "25001");
    assert!(error.hint().is_some());
}
