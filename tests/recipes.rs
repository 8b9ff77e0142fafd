//! Every recipe of `docs/recipes.md` is run on the data of `eddyline quickstart` and must print what the page shows.
//!
//! `EDDYLINE_RECIPES=rewrite tests/run --test recipes` puts what it prints now into the page: read the difference before
//! you keep it.

mod fixtures;

use fixtures::eddyline;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// How many recipes the page promises.
const PROMISED: usize = 20;
/// How many columns an output may take.
const WIDTH: usize = 100;

/// One question of the page.
#[derive(Debug, PartialEq)]
struct Recipe {
    question: String,
    /// The line of the question, from 1.
    line: usize,
    sql: String,
    /// The output on the page; none when the page shows none.
    shown: Option<String>,
    /// The lines that hold the output, from 0, its fences not among them; empty, and right behind the query, without one.
    place: std::ops::Range<usize>,
}

/// A fenced block: what it is of, and the lines between the fences.
type Block<'a> = (&'a str, std::ops::Range<usize>);

/// The recipes of a page: each `###` with its one query and its output. Errors name question and line.
fn recipes(page: &str) -> Result<Vec<Recipe>, String> {
    let lines: Vec<&str> = page.lines().collect();
    let mut questions: Vec<(usize, Vec<Block>)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if let Some(language) = lines[at].strip_prefix("```") {
            let end = (at + 1..lines.len()).find(|n| lines[*n] == "```");
            let end = end.ok_or_else(|| format!("line {}: a block that never ends", at + 1))?;
            match questions.last_mut() {
                Some((_, blocks)) => blocks.push((language, at + 1..end)),
                None if language == "sql" => return Err(format!("line {}: a query without a question", at + 1)),
                None => {}
            }
            at = end;
        } else if lines[at].starts_with("### ") {
            questions.push((at, Vec::new()));
        }
        at += 1;
    }
    questions.into_iter().map(|(at, blocks)| recipe(&lines, at, &blocks)).collect()
}

fn recipe(lines: &[&str], at: usize, blocks: &[Block]) -> Result<Recipe, String> {
    let text = |range: &std::ops::Range<usize>| lines[range.clone()].iter().map(|l| format!("{l}\n")).collect();
    let (sql, place, shown) = match blocks {
        [("sql", sql)] => (sql, sql.end + 1..sql.end + 1, None),
        [("sql", sql), ("text", output)] => (sql, output.clone(), Some(text(output))),
        _ => {
            let found: Vec<&str> = blocks.iter().map(|b| b.0).collect();
            return Err(format!("line {}: `{}` has the blocks {found:?}, not sql and text", at + 1, lines[at]));
        }
    };
    let question = lines[at].trim_start_matches('#').trim().to_string();
    Ok(Recipe { question, line: at + 1, sql: text(sql), shown, place })
}

/// The page with other outputs, one for each recipe.
fn rewritten(page: &str, recipes: &[Recipe], outputs: &[String]) -> String {
    let lines: Vec<&str> = page.lines().collect();
    let (mut to, mut next) = (String::new(), 0);
    for (recipe, output) in recipes.iter().zip(outputs) {
        for line in &lines[next..recipe.place.start] {
            writeln!(to, "{line}").unwrap();
        }
        match recipe.shown {
            Some(_) => to.push_str(output),
            None => write!(to, "\n```text\n{output}```\n").unwrap(),
        }
        next = recipe.place.end;
    }
    for line in &lines[next..] {
        writeln!(to, "{line}").unwrap();
    }
    to
}

/// What is wrong with a recipe whose query printed `output`.
fn complaint(recipe: &Recipe, output: &str) -> Option<String> {
    let Recipe { question, line, shown, .. } = recipe;
    let here = format!("docs/recipes.md:{line}: {question}");
    if let Some(wide) = output.lines().find(|l| l.chars().count() > WIDTH) {
        return Some(format!("{here}\n  its output is wider than {WIDTH} columns:\n{wide}"));
    }
    match shown {
        None => Some(format!("{here}\n  the page shows no output")),
        Some(shown) if shown != output => {
            Some(format!("{here}\n  the page shows\n{shown}\n  and the query printed\n{output}"))
        }
        Some(_) => None,
    }
}

#[test]
fn every_recipe_prints_what_the_page_shows() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes.md");
    let page = fs::read_to_string(&file).unwrap();
    let recipes = recipes(&page).unwrap_or_else(|e| panic!("docs/recipes.md, {e}"));
    assert!(recipes.len() >= PROMISED, "the page has {} recipes and promises {PROMISED}", recipes.len());

    let dir = tempfile::tempdir().unwrap();
    eddyline(dir.path(), &["quickstart"]).ends(0);
    let outputs: Vec<String> = recipes
        .iter()
        .map(|recipe| {
            let run = eddyline(dir.path(), &["sql", "--warehouse", "quickstart/warehouse", "-c", &recipe.sql]);
            assert_eq!(run.code, 0, "docs/recipes.md:{}: {}\n{}", recipe.line, recipe.question, run.stderr);
            run.stdout
        })
        .collect();
    if std::env::var("EDDYLINE_RECIPES").is_ok_and(|v| v == "rewrite") {
        fs::write(&file, rewritten(&page, &recipes, &outputs)).unwrap();
        return;
    }
    let wrong: Vec<String> = recipes.iter().zip(&outputs).filter_map(|(r, o)| complaint(r, o)).collect();
    assert!(
        wrong.is_empty(),
        "{}\n\nEDDYLINE_RECIPES=rewrite writes what is printed now into the page",
        wrong.join("\n\n")
    );
}

const SMALL: &str = "# Page\n\n### How many?\nMind.\n```sql\nSELECT 1\n```\n```text\nold\n```\n\n### Who?\n```sql\nSELECT 2\n```\nEnd\n";

#[test]
fn the_page_is_taken_apart_and_put_together_again() {
    let found = recipes(SMALL).unwrap();
    let [one, two] = &found[..] else { panic!("{found:?}") };
    assert_eq!((one.question.as_str(), one.line, one.sql.as_str()), ("How many?", 3, "SELECT 1\n"));
    assert_eq!((one.shown.as_deref(), two.shown.as_deref()), (Some("old\n"), None));
    let outputs = ["new\n1 row\n".to_string(), "2\n".to_string()];
    let again = rewritten(SMALL, &found, &outputs);
    assert_eq!(
        again,
        "# Page\n\n### How many?\nMind.\n```sql\nSELECT 1\n```\n```text\nnew\n1 row\n```\n\n### Who?\n```sql\nSELECT 2\n```\n\n```text\n2\n```\nEnd\n"
    );
    assert_eq!(rewritten(&again, &recipes(&again).unwrap(), &outputs), again);
}

#[test]
fn a_recipe_without_its_output_or_with_another_one_is_named() {
    let found = recipes(SMALL).unwrap();
    assert_eq!(complaint(&found[0], "old\n"), None);
    let other = complaint(&found[0], "new\n").unwrap();
    assert!(other.contains("docs/recipes.md:3: How many?") && other.contains("new"), "{other}");
    let none = complaint(&found[1], "2\n").unwrap();
    assert!(none.contains(":12: Who?") && none.contains("no output"), "{none}");
    assert!(complaint(&found[0], &"x".repeat(101)).unwrap().contains("wider"));
    let bare = recipes("### Why?\nNo query.\n").unwrap_err();
    assert!(bare.contains("line 1") && bare.contains("Why?"), "{bare}");
    assert!(recipes("```sql\nSELECT 1\n```\n").unwrap_err().contains("without a question"));
    assert!(recipes("### Why?\n```sql\nSELECT 1\n").unwrap_err().contains("never ends"));
}
