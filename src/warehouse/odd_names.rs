//! Keys that `object_store` refuses (`a//b`, `.`, `..`, a line break) make it refuse the whole page of a listing that
//! holds one of them. Here they are put into a form it takes, and back.
//!
//! The form is a mark and the key's bytes as hexadecimal digits. A key that begins with the mark is put into it too,
//! so that going back is never in doubt. Keys with a slash at either end are odd as well: the client would take it off.
//!
//! Azure's listings leave out the quotes that its ETags have everywhere else; they are put back here, or no listed
//! object would ever be the version that was read or written.

use bytes::Bytes;
use object_store::path::{Path, PathPart};
use quick_xml::escape::unescape;
use std::borrow::Cow;
use std::fmt::Write as _;

/// A character for private use: no key of a Currents export has it.
const MARK: char = '\u{F0DD}';

/// Puts odd keys and folders in a page of a listing (XML of S3, GCS or Azure) into a form the client takes.
pub fn escape(page: Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(&page) else { return page };
    let mut out = String::new();
    let mut done = 0;
    for name in (Names { text, at: 0 }) {
        let Some(raw) = text.get(name.from..name.to) else { continue };
        if name.is_etag {
            if !raw.is_empty() && !raw.contains(['"', '&']) {
                out.push_str(text.get(done..name.from).unwrap_or_default());
                let _ = write!(out, "\"{raw}\"");
                done = name.to;
            }
            continue;
        }
        let Some(key) = decoded(raw, name.percent_encoded) else { continue };
        if !is_odd(if name.is_folder { key.strip_suffix('/').unwrap_or(&key) } else { &key }) {
            continue;
        }
        out.push_str(text.get(done..name.from).unwrap_or_default());
        out.push(MARK);
        for byte in key.bytes() {
            let _ = write!(out, "{byte:02x}");
        }
        done = name.to;
    }
    if done == 0 {
        return page;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out.into()
}

/// The key a client's path stands for.
pub fn original(path: &str) -> Cow<'_, str> {
    let bytes = path.strip_prefix(MARK).and_then(|hex| {
        let digits = hex.as_bytes().chunks(2);
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect::<Option<Vec<u8>>>()
    });
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(key) => Cow::Owned(key),
        None => Cow::Borrowed(path),
    }
}

/// The path by which a client asks for a key; `None` for keys that no client here can ask for.
pub fn path_of(key: &str) -> Option<Path> {
    if let Some(path) = Path::parse(key).ok().filter(|path| path.as_ref() == key) {
        return Some(path);
    }
    if key.starts_with('/') || key.ends_with('/') {
        return None;
    }
    // Empty segments are refused by every way of making a path but this one.
    key.split('/').try_fold(Path::ROOT, |path, segment| Some(path.join(PathPart::parse(segment).ok()?)))
}

/// Whether the client would refuse or change this key.
fn is_odd(key: &str) -> bool {
    key.starts_with(MARK) || !Path::parse(key).is_ok_and(|path| path.as_ref() == key)
}

/// Where a name stands in a page.
struct Name {
    from: usize,
    to: usize,
    is_folder: bool,
    percent_encoded: bool,
    is_etag: bool,
}

/// The names in a page: what stands in `<Key>`, `<Name>` and `<Prefix>`, and Azure's `<Etag>`. Text in XML holds no `<`, so a scan finds them.
struct Names<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Names<'_> {
    type Item = Name;

    fn next(&mut self) -> Option<Name> {
        loop {
            let opened = self.at + self.text.get(self.at..)?.find('<')?;
            let inner = self.text.get(opened + 1..)?;
            let closed = inner.find('>')?;
            let tag = inner.get(..closed)?;
            self.at = opened + 1 + closed + 1;
            let element = tag.split_ascii_whitespace().next().unwrap_or_default();
            let is_folder = match element {
                "Key" | "Etag" => false,
                "Prefix" => true,
                "Name" => self.text.get(..opened)?.ends_with("<BlobPrefix>"),
                _ => continue,
            };
            if tag.ends_with('/') {
                continue;
            }
            let from = self.at;
            let to = from + self.text.get(from..)?.find('<')?;
            self.at = to;
            let percent_encoded = tag.contains("Encoded=\"true\"");
            return Some(Name { from, to, is_folder, percent_encoded, is_etag: element == "Etag" });
        }
    }
}

/// The key behind the text of an element.
fn decoded(raw: &str, percent_encoded: bool) -> Option<Cow<'_, str>> {
    let text = unescape(raw).ok()?;
    if !percent_encoded {
        return Some(text);
    }
    Some(Cow::Owned(percent_encoding::percent_decode_str(&text).decode_utf8().ok()?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(page: &str) -> Vec<String> {
        let escaped = escape(Bytes::from(page.to_string()));
        let text = std::str::from_utf8(&escaped).unwrap();
        Names { text, at: 0 }
            .map(|name| {
                let shown = unescape(&text[name.from..name.to]).unwrap();
                let path = Path::parse(&shown).unwrap_or_else(|e| panic!("{shown}: {e}"));
                original(path.as_ref()).into_owned()
            })
            .collect()
    }

    #[test]
    fn odd_keys_of_a_page_come_back_as_they_were() {
        let page = "<?xml version=\"1.0\"?><ListBucketResult><Name>bucket</Name><Prefix>p/</Prefix><Contents>\
                    <Key>p/fine.avro</Key></Contents><Contents><Key>p//b</Key></Contents><Contents><Key>p/../x\
                    </Key></Contents><Contents><Key>p/a&#xA;b</Key></Contents><Contents><Key>/lead</Key></Contents>\
                    <Contents><Key>marker/</Key></Contents><Contents><Key>a&amp;b</Key></Contents>\
                    <CommonPrefixes><Prefix>p//</Prefix></CommonPrefixes>\
                    <CommonPrefixes><Prefix>p/q/</Prefix></CommonPrefixes></ListBucketResult>";
        assert_eq!(
            keys(page),
            ["bucket", "p", "p/fine.avro", "p//b", "p/../x", "p/a\nb", "/lead", "marker/", "a&b", "p//", "p/q"]
        );
    }

    #[test]
    fn azure_names_and_pages_without_oddities() {
        let page = "<EnumerationResults><Blobs><Blob><Name>a//b</Name></Blob><Blob><Name Encoded=\"true\">c%0Ad</Name>\
                    </Blob><BlobPrefix><Name>x/</Name></BlobPrefix></Blobs><NextMarker /></EnumerationResults>";
        assert_eq!(keys(page), ["a//b", "c\nd", "x"]);
        let plain = Bytes::from_static(b"<Contents><Key>a/b</Key></Contents><Prefix></Prefix><Prefix/>");
        assert_eq!(escape(plain.clone()), plain);
        assert_eq!(escape(Bytes::from_static(b"\xff<Key>//</Key>")), Bytes::from_static(b"\xff<Key>//</Key>"));
    }

    #[test]
    fn azure_etags_get_their_quotes() {
        let page = Bytes::from_static(b"<Name>a//b</Name><Etag>0x8D</Etag><Etag>\"0x8E\"</Etag><Etag></Etag>");
        let escaped = escape(page);
        let text = std::str::from_utf8(&escaped).unwrap();
        assert!(text.ends_with("</Name><Etag>\"0x8D\"</Etag><Etag>\"0x8E\"</Etag><Etag></Etag>"), "{text}");
    }

    #[test]
    fn a_key_that_looks_escaped_is_escaped_itself() {
        let page = format!("<Key>{MARK}6162</Key>");
        assert_eq!(keys(&page), [format!("{MARK}6162")]);
        assert_eq!(original("plain"), "plain");
        assert_eq!(original(&format!("{MARK}zz")), format!("{MARK}zz"));
    }

    #[test]
    fn keys_with_empty_segments_can_be_asked_for_and_others_cannot() {
        assert_eq!(path_of("a//b.avro").unwrap().as_ref(), "a//b.avro");
        assert_eq!(path_of("a/b c+%2B.avro").unwrap().as_ref(), "a/b c+%2B.avro");
        for key in ["a/../b", "./a", "a\nb", "/a", "a/"] {
            assert!(path_of(key).is_none(), "{key}");
        }
    }
}
