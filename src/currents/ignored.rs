//! Why a key in the bucket is none of ours. Such keys are counted and reported, never fetched.

use std::fmt;

/// What a key is instead of a Currents file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ignored {
    /// A key that ends in `/`, or Hadoop's `_$folder$`.
    FolderMarker,
    /// `_SUCCESS`, `.DS_Store` and other names that begin with `_` or `.`, and what lies in a job's scratch folder.
    Hidden,
    /// Braze's segment export (`segment-export/`).
    SegmentExport,
    /// Braze's message archive (`sent_messages/`).
    MessageArchive,
    /// A list of files for Redshift's COPY (`redshift-manifests/`).
    RedshiftManifest,
    /// A report as CSV.
    ReportCsv,
    /// Neither Avro nor JSON by its ending.
    UnknownExtension,
    /// JSON without any sign that Currents wrote it.
    NotCurrents,
    /// `event_type=` is followed by something that is no event type's name.
    BadEventType,
}

impl Ignored {
    /// The stored name of this cause.
    pub fn as_str(self) -> &'static str {
        match self {
            Ignored::FolderMarker => "folder_marker",
            Ignored::Hidden => "hidden",
            Ignored::SegmentExport => "segment_export",
            Ignored::MessageArchive => "message_archive",
            Ignored::RedshiftManifest => "redshift_manifest",
            Ignored::ReportCsv => "report_csv",
            Ignored::UnknownExtension => "unknown_extension",
            Ignored::NotCurrents => "not_currents",
            Ignored::BadEventType => "bad_event_type",
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
