//! The `.slt` runner itself: it takes what is right and refuses what is wrong.

mod slt;

use eddyline::query::{Options, Session};
use eddyline::table::Definitions;
use eddyline::warehouse::Store;
use std::sync::Arc;

const RIGHT: &str = "\
query ITRTT rowsort
select 1, '', 0.1 + 0.2, null, to_timestamp_micros(0)
union all select 2, 'a b', 12.34, 'x', null
----
1 (empty) 0.30000000000000004 NULL 1970-01-01T00:00:00
2 a b 12.34 x NULL

query I
select count(*) from users_messages_email_open
----
0

statement error no column `nope`
select nope from users_messages_email_open
";

#[tokio::test]
async fn right_answers_pass_and_wrong_ones_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().to_str().unwrap(), &[], false).unwrap();
    let definitions = Arc::new(Definitions::builtin().unwrap());
    let session = Arc::new(Session::open(store, definitions, Options::default()).await.unwrap());
    let file = dir.path().join("a.slt");
    std::fs::write(&file, RIGHT).unwrap();
    slt::run_file(session.clone(), &file).await.unwrap_or_else(|e| panic!("{e}"));
    std::fs::write(&file, RIGHT.replace("12.34 x", "12.35 x")).unwrap();
    assert!(slt::run_file(session, &file).await.unwrap_err().contains("12.35"));
}
