//! Random Avro files for comparing decoders: schemas, the many ways to spell one, values as bytes, and the container
//! around them. Everything here is valid Avro; files that lie are made elsewhere.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fmt;
use std::io::Write as _;

pub const CODECS: [&str; 4] = ["null", "deflate", "snappy", "zstandard"];

/// Primitives, as they are and with each logical type that both decoders read as what is stored. The last three are
/// logical types on the wrong base or of no meaning: they change nothing.
const PLAIN: [(&str, Option<&str>); 17] = [
    ("boolean", None),
    ("int", None),
    ("long", None),
    ("float", None),
    ("double", None),
    ("bytes", None),
    ("string", None),
    ("int", Some("date")),
    ("int", Some("time-millis")),
    ("long", Some("time-micros")),
    ("long", Some("timestamp-millis")),
    ("long", Some("timestamp-micros")),
    ("long", Some("timestamp-nanos")),
    ("long", Some("local-timestamp-millis")),
    ("long", Some("date")),
    ("double", Some("timestamp-millis")),
    ("string", Some("postcode")),
];

/// A type without its spelling: named types get their names when they are written down.
#[derive(Clone, PartialEq, Debug)]
pub enum Type {
    Null,
    Plain(&'static str, Option<&'static str>),
    Fixed(usize),
    Enum(Vec<String>),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Record(Vec<(String, Type)>),
}

impl Type {
    fn takes_bytes(&self) -> bool {
        match self {
            Type::Null => false,
            Type::Record(fields) => fields.iter().any(|(_, field)| field.takes_bytes()),
            _ => true,
        }
    }

    /// Whether Avro lets both stand in one union.
    fn differs(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Plain(a, _), Type::Plain(b, _)) => a != b,
            (Type::Array(_), Type::Array(_)) | (Type::Map(_), Type::Map(_)) => false,
            _ => self != other,
        }
    }
}

fn union(branches: Vec<Type>) -> Type {
    let mut kept: Vec<Type> = Vec::new();
    for branch in branches {
        let branch = if branch == null_alone() { Type::Null } else { branch };
        if !matches!(branch, Type::Union(_)) && kept.iter().all(|other| other.differs(&branch)) {
            kept.push(branch);
        }
    }
    if kept.is_empty() { Type::Null } else { Type::Union(kept) }
}

/// `["null"]`: the null that may stand inside of other types. The other decoder refuses a bare one there.
fn null_alone() -> Type {
    Type::Union(vec![Type::Null])
}

/// `[null, T]` or `[T, null]`.
fn nullable(inner: Type, null_first: bool) -> Type {
    match (inner, null_first) {
        (already @ (Type::Null | Type::Union(_)), _) => already,
        (inner, true) => Type::Union(vec![Type::Null, inner]),
        (inner, false) => Type::Union(vec![inner, Type::Null]),
    }
}

fn field_name() -> impl Strategy<Value = String> {
    // No quotation marks, backslashes or control characters: the other decoder reads no name that JSON must escape.
    prop_oneof![
        4 => "[a-z_][a-z0-9_]{0,8}",
        1 => "[a-z]{1,4}\\.[a-z]{1,4}",
        1 => "[ !#-\\[\\]-~]{1,6}",
        1 => "[éß漢😀A-Z]{1,3}",
    ]
}

/// Fields with different names. Now and then a field has its neighbour's type, so that named types are used again.
fn fields(inner: BoxedStrategy<Type>, most: usize) -> BoxedStrategy<Vec<(String, Type)>> {
    let field = (field_name(), inner, prop::bool::weighted(0.15));
    vec(field, 1..=most)
        .prop_map(|drawn| {
            let (mut fields, mut seen) = (Vec::<(String, Type)>::new(), HashSet::new());
            for (mut name, drawn, again) in drawn {
                while !seen.insert(name.clone()) {
                    name.push('_');
                }
                let before = fields.last().filter(|_| again).map(|(_, field)| field.clone());
                fields.push((name, before.unwrap_or(drawn)));
            }
            fields
        })
        .boxed()
}

fn any_type() -> BoxedStrategy<Type> {
    let symbols = vec("[A-Za-zé_]{1,6}", 1..5).prop_map(|mut symbols| {
        let mut seen = HashSet::new();
        symbols.retain(|symbol| seen.insert(symbol.clone()));
        Type::Enum(symbols)
    });
    let plain = || select(&PLAIN[..]).prop_map(|(base, logical)| Type::Plain(base, logical));
    let leaf = prop_oneof![
        8 => plain(),
        5 => (plain(), any::<bool>()).prop_map(|(inner, first)| nullable(inner, first)),
        1 => Just(Type::Null),
        1 => (1usize..20).prop_map(Type::Fixed),
        2 => symbols,
    ];
    // The lists Braze writes: of text, with or without nulls.
    let texts = any::<Option<bool>>().prop_map(|null| {
        let text = Type::Plain("string", None);
        Type::Array(Box::new(null.map_or(text.clone(), |first| nullable(text, first))))
    });
    prop_oneof![7 => leaf, 1 => texts]
        .prop_recursive(3, 12, 4, |inner| {
            let inner = inner.prop_map(|inner| if inner == Type::Null { null_alone() } else { inner }).boxed();
            prop_oneof![
                2 => inner.clone().prop_map(|item| Type::Array(Box::new(item))),
                1 => inner.clone().prop_map(|value| Type::Map(Box::new(value))),
                2 => (inner.clone(), any::<bool>()).prop_map(|(inner, first)| nullable(inner, first)),
                1 => vec(inner.clone(), 1..5).prop_map(union),
                1 => fields(inner, 4).prop_map(Type::Record),
            ]
        })
        .boxed()
}

/// The record at the top of a schema.
fn top() -> impl Strategy<Value = Type> {
    fields(any_type(), 9).prop_map(|mut fields| {
        // The other decoder loses records that take no bytes at all.
        if fields.iter().all(|(_, field)| !field.takes_bytes()) {
            fields.push(("something".to_string(), Type::Plain("long", None)));
        }
        Type::Record(fields)
    })
}

/// Random choices made while writing. All zeros, to which a failure shrinks, is the plainest way.
pub struct Coins {
    bytes: Vec<u8>,
    at: usize,
}

impl Coins {
    pub fn new(bytes: Vec<u8>) -> Coins {
        Coins { bytes, at: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        let byte = self.bytes.get(self.at % self.bytes.len().max(1)).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % bound
    }
}

/// The namespace around a type.
#[derive(Clone)]
struct Scope {
    namespace: String,
    /// Whether a type in it may be referred to by its full name. The other decoder does not find a type whose
    /// namespace came from a name with dots.
    full_names: bool,
}

/// Writes types as JSON.
struct Spelling<'a> {
    coins: &'a mut Coins,
    /// Named types written so far.
    known: Vec<(Type, String, Scope)>,
    number: usize,
}

impl Spelling<'_> {
    fn spell(&mut self, of: &Type, scope: &Scope) -> Value {
        match of {
            Type::Null => json!("null"),
            Type::Plain(base, None) => match self.coins.below(5) {
                1 => json!({"type": base}),
                2 => self.object(vec![("type", json!(base)), ("connect.version", json!({"a": [1]}))]),
                _ => json!(base),
            },
            Type::Plain(base, Some(logical)) => {
                self.object(vec![("logicalType", json!(logical)), ("type", json!(base))])
            }
            Type::Array(item) => {
                let item = self.spell(item, scope);
                self.object(vec![("type", json!("array")), ("items", item)])
            }
            Type::Map(value) => {
                let value = self.spell(value, scope);
                self.object(vec![("type", json!("map")), ("values", value)])
            }
            Type::Union(branches) => branches.iter().map(|branch| self.spell(branch, scope)).collect(),
            Type::Fixed(_) | Type::Enum(_) | Type::Record(_) => self.named(of, scope),
        }
    }

    /// A named type: its definition, or now and then a reference where it was defined before.
    fn named(&mut self, of: &Type, scope: &Scope) -> Value {
        let in_reach = |at: &Scope| at.full_names || at.namespace == scope.namespace;
        let known = self.known.iter().find(|(known, _, at)| known == of && in_reach(at)).cloned();
        if let Some((_, name, at)) = known
            && self.coins.below(3) > 0
        {
            let simple = at.namespace == scope.namespace && (!at.full_names || self.coins.below(2) == 0);
            let name = if simple { name } else { format!("{}.{name}", at.namespace) };
            return if self.coins.below(4) == 1 { json!({"type": name}) } else { json!(name) };
        }
        let number = self.number;
        self.number += 1;
        let name = format!("T{number}");
        let (mut attributes, inside, referable) = match self.coins.below(5) {
            1 => {
                let inside = Scope { namespace: format!("n{number}.m"), full_names: true };
                (vec![("name", json!(name)), ("namespace", json!(inside.namespace))], inside, true)
            }
            2 => {
                let inside = Scope { namespace: format!("d{number}.e"), full_names: false };
                (vec![("name", json!(format!("{}.{name}", inside.namespace)))], inside, false)
            }
            _ => (vec![("name", json!(name))], scope.clone(), true),
        };
        if self.coins.below(4) == 1 {
            attributes.push(("doc", json!("what it \"is\"")));
        }
        if self.coins.below(4) == 1 {
            attributes.push(("aliases", json!([format!("Old{number}")])));
        }
        match of {
            Type::Fixed(size) => attributes.extend([("type", json!("fixed")), ("size", json!(size))]),
            Type::Enum(symbols) => attributes.extend([("type", json!("enum")), ("symbols", json!(symbols))]),
            Type::Record(fields) => {
                let fields = fields.iter().map(|(name, field)| self.field(name, field, &inside)).collect();
                attributes.extend([("type", json!("record")), ("fields", fields)]);
            }
            other => panic!("{other:?} has no name"),
        }
        if referable {
            self.known.push((of.clone(), name, inside));
        }
        self.object(attributes)
    }

    fn field(&mut self, name: &str, of: &Type, scope: &Scope) -> Value {
        let mut attributes = vec![("name", json!(name)), ("type", self.spell(of, scope))];
        if self.coins.below(2) == 1 {
            // A union's default is of its first branch. Nothing here is read: the writer's values are all there.
            let first = if let Type::Union(branches) = of { branches.first().unwrap_or(of) } else { of };
            match first {
                Type::Null => attributes.push(("default", Value::Null)),
                Type::Plain("int" | "long", _) => attributes.push(("default", json!(-7))),
                Type::Plain("string", _) => attributes.push(("default", json!("d\"é"))),
                Type::Enum(symbols) => attributes.push(("default", json!(symbols.first()))),
                Type::Array(_) => attributes.push(("default", json!([]))),
                _ => {}
            }
        }
        if self.coins.below(4) == 1 {
            attributes.push(("doc", json!("line\nline")));
        }
        if self.coins.below(4) == 1 {
            attributes.push(("aliases", json!(["formerly"])));
        }
        self.object(attributes)
    }

    /// Attributes, in some order.
    fn object(&mut self, mut attributes: Vec<(&str, Value)>) -> Value {
        let by = self.coins.below(attributes.len());
        attributes.rotate_left(by);
        Value::Object(attributes.into_iter().map(|(name, value)| (name.to_string(), value)).collect::<Map<_, _>>())
    }
}

/// A schema's text.
fn schema_text(top: &Type, coins: &mut Coins) -> String {
    let scope = match coins.below(2) {
        0 => Scope { namespace: String::new(), full_names: false },
        _ => Scope { namespace: "outer".to_string(), full_names: true },
    };
    let mut json = Spelling { coins, known: Vec::new(), number: 0 }.spell(top, &scope);
    // The top level has no namespace around it: what its types take for given must be said.
    if scope.full_names && json.get("namespace").is_none() && !json["name"].as_str().unwrap().contains('.') {
        json["namespace"] = json!(scope.namespace);
    }
    if coins.below(3) == 1 { format!("{json:#}") } else { json.to_string() }
}

pub fn long(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let mut out = Vec::new();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out
}

pub fn bytes(value: &[u8]) -> Vec<u8> {
    [&long(value.len() as i64), value].concat()
}

/// An array's items or a map's entries, in blocks of at most `most`, which may say their size in bytes.
fn blocks(items: &[Vec<u8>], most: usize, sized: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for block in items.chunks(most) {
        let (count, data) = (block.len() as i64, block.concat());
        out.extend(if sized { [long(-count), long(data.len() as i64)].concat() } else { long(count) });
        out.extend(data);
    }
    out.push(0);
    out
}

/// Whole numbers of every length in bytes, and those where a length ends.
fn numbers() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => -70i64..70,
        3 => (any::<i64>(), 0u32..64).prop_map(|(number, shift)| number >> shift),
        1 => (0u32..63, -2i64..2).prop_map(|(shift, by)| (1i64 << shift) + by),
        1 => select(vec![i64::MIN, i64::MAX, i64::from(i32::MIN), i64::from(i32::MAX), -1]),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "\\PC{0,12}",
        2 => "[\\x00-\\x1f\\x7f\"\\\\é\u{85}\u{1F600}]{0,4}",
        1 => select(vec![63usize, 64, 300, 8192]).prop_map(|length| "x".repeat(length)),
    ]
}

/// Values of a type, encoded.
pub fn values(of: &Type) -> BoxedStrategy<Vec<u8>> {
    let in_blocks = |item: BoxedStrategy<Vec<u8>>| {
        (vec(item, 0..5), 1usize..6, any::<bool>()).prop_map(|(items, most, sized)| blocks(&items, most, sized)).boxed()
    };
    match of {
        Type::Null => Just(Vec::new()).boxed(),
        Type::Plain("boolean", _) => any::<bool>().prop_map(|value| vec![u8::from(value)]).boxed(),
        // Cutting a long to its lower half keeps short ones short.
        Type::Plain("int", _) => numbers().prop_map(|value| long(i64::from(value as i32))).boxed(),
        Type::Plain("long", _) => numbers().prop_map(long).boxed(),
        Type::Plain("float", _) => {
            let odd = select(vec![0.0, -0.0, 0.1, 12.34, 1e16, f32::MAX, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
            prop_oneof![3 => any::<u32>().prop_map(f32::from_bits), 1 => odd]
                .prop_map(|value| value.to_le_bytes().to_vec())
                .boxed()
        }
        Type::Plain("double", _) => {
            let odd = select(vec![0.0, -0.0, 0.1, 12.34, 1e16, f64::MAX, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
            prop_oneof![3 => any::<u64>().prop_map(f64::from_bits), 1 => odd]
                .prop_map(|value| value.to_le_bytes().to_vec())
                .boxed()
        }
        Type::Plain("bytes", _) => vec(any::<u8>(), 0..20).prop_map(|value| bytes(&value)).boxed(),
        Type::Plain(_, _) => texts().prop_map(|value| bytes(value.as_bytes())).boxed(),
        Type::Fixed(size) => vec(any::<u8>(), *size).boxed(),
        Type::Enum(symbols) => (0..symbols.len() as i64).prop_map(long).boxed(),
        Type::Array(item) => in_blocks(values(item)),
        Type::Map(value) => {
            let entry = ("\\PC{0,4}", values(value));
            in_blocks(entry.prop_map(|(key, value)| [bytes(key.as_bytes()), value].concat()).boxed())
        }
        Type::Union(branches) => {
            let one = |(number, of): (usize, &Type)| {
                values(of).prop_map(move |value| [long(number as i64), value].concat()).boxed()
            };
            proptest::strategy::Union::new(branches.iter().enumerate().map(one)).boxed()
        }
        Type::Record(fields) => {
            let fields: Vec<_> = fields.iter().map(|(_, field)| values(field)).collect();
            fields.prop_map(|values| values.concat()).boxed()
        }
    }
}

fn compress(codec: &str, data: &[u8]) -> Vec<u8> {
    match codec {
        "null" => data.to_vec(),
        "deflate" => {
            let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(data).unwrap();
            out.finish().unwrap()
        }
        "snappy" => {
            let mut out = snap::raw::Encoder::new().compress_vec(data).unwrap();
            out.extend(crc32fast::hash(data).to_be_bytes());
            out
        }
        "zstandard" => zstd::encode_all(data, 1).unwrap(),
        other => panic!("no codec {other}"),
    }
}

/// How a file's records are put into it.
#[derive(Clone, Debug)]
pub struct Container {
    pub codec: &'static str,
    pub sync: [u8; 16],
    /// Records of the blocks, over and over. Zero is a block without records; not all may be zero.
    pub sizes: Vec<usize>,
    /// How the header's entries are split into blocks, and whether those say their size.
    pub header: (usize, bool),
}

impl Container {
    /// A whole file of records that are encoded already.
    pub fn file(&self, schema: &str, records: &[Vec<u8>]) -> Vec<u8> {
        let mut entries = vec![
            [bytes(b"avro.schema"), bytes(schema.as_bytes())].concat(),
            [bytes(b"writer.note"), bytes(&[0xff, 0])].concat(),
        ];
        // The codec may be left unsaid where there is none.
        if self.codec != "null" || self.sync[0] < 128 {
            entries.push([bytes(b"avro.codec"), bytes(self.codec.as_bytes())].concat());
        }
        let by = usize::from(self.sync[1]) % entries.len();
        entries.rotate_left(by);
        let (most, sized) = self.header;
        let mut out = [b"Obj\x01", blocks(&entries, most, sized).as_slice(), &self.sync].concat();
        let (mut rest, mut sizes) = (records, self.sizes.iter().cycle());
        while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
            let (block, behind) = rest.split_at(rest.len().min(*size));
            rest = behind;
            let data = compress(self.codec, &block.concat());
            out.extend([long(block.len() as i64), long(data.len() as i64), data, self.sync.to_vec()].concat());
        }
        out
    }
}

fn containers() -> impl Strategy<Value = Container> {
    let sizes = (vec(0usize..9, 0..5), 1usize..20).prop_map(|(mut sizes, last)| {
        sizes.push(last);
        sizes
    });
    (select(&CODECS[..]), any::<[u8; 16]>(), sizes, (1usize..4, any::<bool>()))
        .prop_map(|(codec, sync, sizes, header)| Container { codec, sync, sizes, header })
}

/// A file, and what is in it.
pub struct AvroFile {
    pub schema: String,
    pub names: Vec<String>,
    pub records: usize,
    pub container: Container,
    pub bytes: Vec<u8>,
}

impl fmt::Debug for AvroFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records, {:?}, schema:\n{}", self.records, self.container, self.schema)
    }
}

/// Files of any schema.
pub fn files() -> impl Strategy<Value = AvroFile> {
    let table = top().prop_flat_map(|top| {
        let records = vec(values(&top), 0..24);
        (Just(top), records)
    });
    (table, vec(any::<u8>(), 0..64), containers()).prop_map(|((top, records), coins, container)| {
        let schema = schema_text(&top, &mut Coins::new(coins));
        let bytes = container.file(&schema, &records);
        let Type::Record(fields) = top else { panic!("the top of a schema is a record") };
        let names = fields.into_iter().map(|(name, _)| name).collect();
        AvroFile { schema, names, records: records.len(), container, bytes }
    })
}
