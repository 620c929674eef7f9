//! What holds of tokens whichever database they are in.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipam_provider::GroupName;
use ipam_provider::database::Database;
use ipam_simulators::postgres::Server;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{Begun, Digest, Table, TokenError, Tokens, Verdict};
use crate::caller::{Grant, Role};
use crate::ledger::Place;

/// A place without tables, and what keeps it there.
struct Stage {
    place: Place,
    directory: TempDir,
}

impl Stage {
    fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { place: Table::place(directory.path(), None), directory }
    }

    /// `None`, with the reason on standard error, where PostgreSQL is not installed.
    fn postgres() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(|| Server::start_with("-c fsync=off -c max_connections=100")).as_ref()?;
        let name = format!("api_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        let url = server.url_through(server.directory(), "ipam", &name);
        let database = Database::new(&url, None, Duration::from_secs(20)).expect("a right URL");
        let directory = tempfile::tempdir().expect("a directory");
        Some(Self { place: Table::place(directory.path(), Some(&database)), directory })
    }

    fn table(&self) -> Table {
        Table::open_or_create(self.place.clone()).expect("tables")
    }
}

/// Makes one test of each case and engine.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(&super::Stage::sqlite()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(stage) = super::Stage::postgres() {
                    super::$case(&stage).await;
                }
            })*
        }
    };
}

on_both! {
    a_token_is_known_until_it_is_revoked_by_another_process,
    a_token_is_known_until_it_expires,
    a_name_is_that_of_one_token,
    what_is_listed_is_as_it_was_added_and_shows_no_token,
    the_use_of_a_token_is_noted_once_a_minute,
    other_texts_are_no_tokens,
    without_tables_there_are_no_tokens_and_none_are_made,
    a_request_is_done_once_whoever_sends_it,
    an_attempt_that_ended_without_an_answer_is_followed_by_another,
    a_request_without_effect_is_forgotten,
}

async fn a_token_is_known_until_it_is_revoked_by_another_process(stage: &Stage) {
    let tokens = Tokens::at(stage.place.clone());
    let text = stage.table().add("deploy", &Grant::everywhere(Role::Admin), None).await.expect("added");
    for _ in 0..3 {
        let verdict = tokens.check(text.expose_secret()).await.expect("looked up");
        assert!(matches!(verdict, Verdict::Valid(token) if &*token.name == "deploy"));
    }
    stage.table().revoke("deploy").await.expect("revoked");
    assert_eq!(tokens.check(text.expose_secret()).await.expect("looked up"), Verdict::Unknown);
    // Another one of the name is another one.
    let other = stage.table().add("deploy", &Grant::everywhere(Role::Reader), None).await.expect("added");
    assert_eq!(tokens.check(text.expose_secret()).await.expect("looked up"), Verdict::Unknown);
    assert!(matches!(tokens.check(other.expose_secret()).await, Ok(Verdict::Valid(_))));
}

async fn a_token_is_known_until_it_expires(stage: &Stage) {
    let (tokens, now) = (Tokens::at(stage.place.clone()), Timestamp::now());
    for (name, seconds, is_valid) in [("early", 3600, true), ("late", -1, false)] {
        let expires = now + SignedDuration::from_secs(seconds);
        let text = stage.table().add(name, &Grant::everywhere(Role::Reader), Some(expires)).await.expect("added");
        let verdict = tokens.check(text.expose_secret()).await.expect("looked up");
        assert_eq!(matches!(verdict, Verdict::Valid(_)), is_valid, "{name}");
        assert_eq!(matches!(verdict, Verdict::Expired(_)), !is_valid, "{name}");
    }
}

async fn a_name_is_that_of_one_token(stage: &Stage) {
    let (table, reader) = (stage.table(), Grant::everywhere(Role::Reader));
    table.add("deploy", &reader, None).await.expect("added");
    assert!(matches!(table.add("deploy", &reader, None).await, Err(TokenError::Exists(_))));
    for name in ["", "a b", "a\n", "\u{fc}", &"a".repeat(65), "a'--"] {
        assert!(matches!(table.add(name, &reader, None).await, Err(TokenError::Name)), "{name:?}");
    }
    assert!(matches!(table.revoke("other").await, Err(TokenError::Missing(_))));
    assert_eq!(table.list().await.expect("a list").len(), 1);
}

async fn what_is_listed_is_as_it_was_added_and_shows_no_token(stage: &Stage) {
    let group = |name| GroupName::new(name).expect("a name");
    let limited = Grant { role: Role::Operator, groups: Some([group("Lab & \"Test\""), group("\u{fc}")].into()) };
    let expires = Timestamp::from_second(4_000_000_000).expect("a time");
    let text = stage.table().add("b@example.com", &limited, Some(expires)).await.expect("added");
    stage.table().add("a", &Grant::everywhere(Role::Admin), None).await.expect("added");
    let listed = stage.table().list().await.expect("a list");
    assert_eq!(listed.iter().map(|token| &*token.name).collect::<Vec<_>>(), ["a", "b@example.com"]);
    assert_eq!((&listed[1].grant, listed[1].expires, listed[1].used), (&limited, Some(expires), None));
    assert!(Timestamp::now().duration_since(listed[0].created) < SignedDuration::from_mins(1));
    assert!(!format!("{listed:?}").contains(text.expose_secret()));
    if let Place::File(_) = stage.place {
        for file in std::fs::read_dir(stage.directory.path()).expect("files") {
            let bytes = std::fs::read(file.expect("a file").path()).expect("read");
            let random = &text.expose_secret().as_bytes()["fip_".len()..];
            assert!(!bytes.windows(random.len()).any(|part| part == random));
        }
    }
}

async fn the_use_of_a_token_is_noted_once_a_minute(stage: &Stage) {
    let tokens = Tokens::at(stage.place.clone());
    let text = stage.table().add("deploy", &Grant::everywhere(Role::Reader), None).await.expect("added");
    let noted = || async { stage.table().list().await.expect("a list")[0].used };
    tokens.check(text.expose_secret()).await.expect("looked up");
    let first = loop {
        if let Some(first) = noted().await {
            break first;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    tokio::time::sleep(Duration::from_millis(1100)).await;
    tokens.check(text.expose_secret()).await.expect("looked up");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(noted().await, Some(first));
}

async fn other_texts_are_no_tokens(stage: &Stage) {
    let tokens = Tokens::at(stage.place.clone());
    let text = stage.table().add("deploy", &Grant::everywhere(Role::Reader), None).await.expect("added");
    let other = super::secret::new();
    let text = text.expose_secret();
    for shown in ["", "deploy", "fip_", other.expose_secret(), &text[1..], &text.to_ascii_uppercase()] {
        assert_eq!(tokens.check(shown).await.expect("looked up"), Verdict::Unknown, "{shown}");
    }
}

async fn without_tables_there_are_no_tokens_and_none_are_made(stage: &Stage) {
    let table = Table::open(stage.place.clone()).expect("a stand-in");
    assert_eq!(table.list().await.expect("a list"), []);
    drop(table);
    assert_eq!(std::fs::read_dir(stage.directory.path()).expect("files").count(), 0);
}

#[tokio::test]
async fn a_place_that_cannot_be_used_is_an_error_and_no_verdict() {
    let stage = Stage::sqlite();
    let Place::File(path) = &stage.place else { panic!("it is a file") };
    std::fs::write(path, "no database at all, but long enough to be one").expect("a file");
    let error =
        Tokens::at(stage.place.clone()).check(super::secret::new().expose_secret()).await.expect_err("a failure");
    assert!(error.to_string().starts_with("the tokens in "), "{error}");
    // Put right, it works without a restart.
    let tokens = Tokens::at(stage.place.clone());
    assert!(tokens.check(super::secret::new().expose_secret()).await.is_err());
    std::fs::remove_file(path).expect("removed");
    assert!(matches!(tokens.check(super::secret::new().expose_secret()).await, Ok(Verdict::Unknown)));
}

const KEY: Digest = [7; 32];
const BODY: Digest = [8; 32];
const LONG: SignedDuration = SignedDuration::from_mins(1);

/// From parallel callers in two processes, one does it; the others get its answer.
async fn a_request_is_done_once_whoever_sends_it(stage: &Stage) {
    let tables = [Arc::new(stage.table()), Arc::new(stage.table())];
    let callers = (0..20).map(|caller| {
        let table = tables[caller % 2].clone();
        tokio::spawn(async move { table.begin_request(KEY, BODY, LONG).await.expect("begun") })
    });
    let mut own = 0;
    for caller in callers.collect::<Vec<_>>() {
        match caller.await.expect("no panic") {
            Begun::Own { attempt: 1, intended: None } => own += 1,
            other => assert_eq!(other, Begun::UnderWay),
        }
    }
    assert_eq!(own, 1);
    tables[0].answer_request(KEY, 1, 201, "{}".to_owned()).await.expect("kept");
    let again = Begun::Answered { status: 201, body: "{}".to_owned() };
    for table in &tables {
        assert_eq!(table.begin_request(KEY, BODY, LONG).await.expect("begun"), again);
        assert_eq!(table.begin_request(KEY, [9; 32], LONG).await.expect("begun"), Begun::OtherRequest);
    }
    // After a restart too.
    assert_eq!(stage.table().begin_request(KEY, BODY, LONG).await.expect("begun"), again);
}

async fn an_attempt_that_ended_without_an_answer_is_followed_by_another(stage: &Stage) {
    let table = stage.table();
    let own = |attempt, intended: Option<&str>| Begun::Own { attempt, intended: intended.map(str::to_owned) };
    // Its process is killed, and its time is over at once.
    assert_eq!(table.begin_request(KEY, BODY, SignedDuration::ZERO).await.expect("begun"), own(1, None));
    assert!(table.keep_intended(KEY, 1, "[1]".to_owned()).await.expect("kept"));
    assert_eq!(table.begin_request(KEY, BODY, LONG).await.expect("begun"), own(2, Some("[1]")));
    assert!(!table.keep_intended(KEY, 1, "[2]".to_owned()).await.expect("asked"), "it is another attempt's");
    table.answer_request(KEY, 1, 201, "{}".to_owned()).await.expect("asked");
    assert_eq!(table.begin_request(KEY, BODY, LONG).await.expect("begun"), Begun::UnderWay);
    // Its outcome is unknown.
    table.end_attempt(KEY, 2, false).await.expect("ended");
    assert_eq!(table.begin_request(KEY, BODY, LONG).await.expect("begun"), own(3, Some("[1]")));
}

async fn a_request_without_effect_is_forgotten(stage: &Stage) {
    let table = stage.table();
    for _ in 0..2 {
        let begun = table.begin_request(KEY, BODY, LONG).await.expect("begun");
        assert_eq!(begun, Begun::Own { attempt: 1, intended: None });
        table.end_attempt(KEY, 1, true).await.expect("ended");
    }
}
