//! How much one file may ask for. Every bound a hostile or broken file could push against is named here.

/// Bounds on decoding one file. The defaults are far above anything Braze writes (files of some 15,000 events).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a whole file, as stored and after decompression.
    pub file_bytes: usize,
    /// Bytes of one Avro block after decompression.
    pub block_bytes: usize,
    /// Bytes of a writer's schema.
    pub schema_bytes: usize,
    /// Bytes the decoder may hold beside the file's own: columns (except text copied as it is, which the file's size
    /// bounds), cells waiting for their column's type, rejects.
    pub column_bytes: usize,
    /// Bytes of one value that is kept as JSON text.
    pub json_bytes: usize,
    /// Levels of nesting in a schema, in an Avro value and in a JSON record.
    pub depth: usize,
    /// Fields in a schema (all its records together), and columns of one part.
    pub fields: usize,
    /// Records of one file.
    pub records: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes: 512 << 20,
            block_bytes: 256 << 20,
            schema_bytes: 1 << 20,
            column_bytes: 2 << 30,
            json_bytes: 16 << 20,
            depth: 64,
            fields: 2_000,
            records: 50_000_000,
        }
    }
}
