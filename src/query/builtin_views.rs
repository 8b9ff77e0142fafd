//! The views compiled into the binary: every file of `sql/`.

/// Each file's name and text.
pub const FILES: &[(&str, &str)] = &[
    ("banner_engagement.sql", include_str!("../../sql/banner_engagement.sql")),
    ("campaign_daily.sql", include_str!("../../sql/campaign_daily.sql")),
    ("content_card_engagement.sql", include_str!("../../sql/content_card_engagement.sql")),
    ("dispatch_lifecycle.sql", include_str!("../../sql/dispatch_lifecycle.sql")),
    ("email_lifecycle.sql", include_str!("../../sql/email_lifecycle.sql")),
    ("email_unique_clicks.sql", include_str!("../../sql/email_unique_clicks.sql")),
    ("email_unique_opens.sql", include_str!("../../sql/email_unique_opens.sql")),
    ("engagement_without_send.sql", include_str!("../../sql/engagement_without_send.sql")),
    ("events.sql", include_str!("../../sql/events.sql")),
    ("in_app_engagement.sql", include_str!("../../sql/in_app_engagement.sql")),
    ("push_lifecycle.sql", include_str!("../../sql/push_lifecycle.sql")),
    ("rcs_line_lifecycle.sql", include_str!("../../sql/rcs_line_lifecycle.sql")),
    ("sms_lifecycle.sql", include_str!("../../sql/sms_lifecycle.sql")),
    ("users_identity.sql", include_str!("../../sql/users_identity.sql")),
    ("users_merged.sql", include_str!("../../sql/users_merged.sql")),
    ("webhook_lifecycle.sql", include_str!("../../sql/webhook_lifecycle.sql")),
    ("whatsapp_lifecycle.sql", include_str!("../../sql/whatsapp_lifecycle.sql")),
];

#[cfg(test)]
mod tests {
    #[test]
    fn no_file_of_the_folder_is_forgotten() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| n.ends_with(".sql"))
            .collect();
        there.sort();
        assert_eq!(there, super::FILES.iter().map(|(n, _)| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn every_view_says_what_it_is() {
        for (file, text) in super::FILES {
            let view = crate::query::views::View::parse(file, text).unwrap();
            assert!(view.doc.contains("Grain:"), "{file} does not state its grain");
        }
    }
}
