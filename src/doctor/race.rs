//! Two writers at the same moment: the one thing no specification proves. Whatever the answers, the object afterwards
//! says who won.

use crate::error::{Error, Result};
use crate::warehouse::{Put, PutIf, Store, Version};
use bytes::Bytes;

/// How a race ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Race {
    /// One was let in, and what it wrote is there.
    One(Version),
    /// Both were let in: the first one's work is lost and it does not know.
    Both,
    /// Neither was told that it won, and the object is whole: an answer may have been lost. Proves nothing.
    Neither,
    /// What is there is not what the winner wrote.
    Torn,
}

/// Lets two writers at one key, under the same condition.
pub async fn race(store: &Store, key: &str, condition: &PutIf, round: usize) -> Result<Race> {
    let bodies = ["first", "second"].map(|who| Bytes::from(format!("eddyline doctor, round {round}, {who} writer")));
    let writers = bodies.clone().map(|body| {
        let (store, key, condition) = (store.clone(), key.to_string(), condition.clone());
        // Tasks of their own, so that stores whose calls block race too.
        tokio::spawn(async move { store.put(&key, body, condition).await })
    });
    let mut answers = Vec::new();
    for writer in writers {
        answers.push(writer.await.map_err(|e| Error::failed("a writer of the race was cut short").because(e))??);
    }
    let there = store.get(key).await?.map(|object| object.bytes);
    Ok(judge(&bodies, &answers, there.as_ref()))
}

/// Who won, by the writers' answers and what is there.
fn judge(bodies: &[Bytes], answers: &[Put], there: Option<&Bytes>) -> Race {
    let winners: Vec<(&Bytes, &Version)> = bodies
        .iter()
        .zip(answers)
        .filter_map(|(body, answer)| match answer {
            Put::Written(version) => Some((body, version)),
            Put::Conflict => None,
        })
        .collect();
    match winners.as_slice() {
        [(body, version)] if there == Some(*body) => Race::One((*version).clone()),
        [_] => Race::Torn,
        [] => Race::Neither,
        _ => Race::Both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_says_who_won() {
        let bodies = ["a", "b"].map(Bytes::from);
        let version = Version { e_tag: Some("1".into()), version: None };
        let (won, lost) = (Put::Written(version.clone()), Put::Conflict);
        let judged = |answers: [&Put; 2], there: &str| {
            judge(&bodies, &answers.map(Put::clone), Some(&Bytes::from(there.to_string())))
        };
        assert_eq!(judged([&won, &lost], "a"), Race::One(version.clone()));
        assert_eq!(judged([&lost, &won], "b"), Race::One(version));
        assert_eq!(judged([&won, &lost], "b"), Race::Torn);
        assert_eq!(judged([&won, &won], "b"), Race::Both);
        assert_eq!(judged([&lost, &lost], "b"), Race::Neither);
        assert_eq!(judge(&bodies, &[won, lost], None), Race::Torn);
    }
}
