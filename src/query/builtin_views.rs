//! The views compiled into the binary: every file of `sql/`.

/// Each file's name and text.
pub const FILES: &[(&str, &str)] = &[
    ("banner_engagement.sql", include_str!("../../sql/banner_engagement.sql")),
    ("bounce_reasons.sql", include_str!("../../sql/bounce_reasons.sql")),
    ("campaign_daily.sql", include_str!("../../sql/campaign_daily.sql")),
    ("canvas_funnel.sql", include_str!("../../sql/canvas_funnel.sql")),
    ("canvas_journey.sql", include_str!("../../sql/canvas_journey.sql")),
    ("canvas_step_daily.sql", include_str!("../../sql/canvas_step_daily.sql")),
    ("content_card_engagement.sql", include_str!("../../sql/content_card_engagement.sql")),
    ("conversions.sql", include_str!("../../sql/conversions.sql")),
    ("deliverability_by_domain.sql", include_str!("../../sql/deliverability_by_domain.sql")),
    ("deliverability_by_sender.sql", include_str!("../../sql/deliverability_by_sender.sql")),
    ("dispatch_lifecycle.sql", include_str!("../../sql/dispatch_lifecycle.sql")),
    ("dispatch_summary.sql", include_str!("../../sql/dispatch_summary.sql")),
    ("email_lifecycle.sql", include_str!("../../sql/email_lifecycle.sql")),
    ("email_link_clicks.sql", include_str!("../../sql/email_link_clicks.sql")),
    ("email_unique_clicks.sql", include_str!("../../sql/email_unique_clicks.sql")),
    ("email_unique_opens.sql", include_str!("../../sql/email_unique_opens.sql")),
    ("engagement_without_send.sql", include_str!("../../sql/engagement_without_send.sql")),
    ("events.sql", include_str!("../../sql/events.sql")),
    ("in_app_engagement.sql", include_str!("../../sql/in_app_engagement.sql")),
    ("load_audit.sql", include_str!("../../sql/load_audit.sql")),
    ("message_pressure.sql", include_str!("../../sql/message_pressure.sql")),
    ("names.sql", include_str!("../../sql/names.sql")),
    ("purchases.sql", include_str!("../../sql/purchases.sql")),
    ("push_lifecycle.sql", include_str!("../../sql/push_lifecycle.sql")),
    ("rcs_line_lifecycle.sql", include_str!("../../sql/rcs_line_lifecycle.sql")),
    ("retention_daily.sql", include_str!("../../sql/retention_daily.sql")),
    ("retention_weekly.sql", include_str!("../../sql/retention_weekly.sql")),
    ("revenue_after_message.sql", include_str!("../../sql/revenue_after_message.sql")),
    ("schema_audit.sql", include_str!("../../sql/schema_audit.sql")),
    ("send_time_performance.sql", include_str!("../../sql/send_time_performance.sql")),
    ("sessions.sql", include_str!("../../sql/sessions.sql")),
    ("sms_errors.sql", include_str!("../../sql/sms_errors.sql")),
    ("sms_inbound_attributed.sql", include_str!("../../sql/sms_inbound_attributed.sql")),
    ("sms_lifecycle.sql", include_str!("../../sql/sms_lifecycle.sql")),
    ("subscription_state.sql", include_str!("../../sql/subscription_state.sql")),
    ("time_to_engage.sql", include_str!("../../sql/time_to_engage.sql")),
    ("user_deletions.sql", include_str!("../../sql/user_deletions.sql")),
    ("users_identity.sql", include_str!("../../sql/users_identity.sql")),
    ("users_merged.sql", include_str!("../../sql/users_merged.sql")),
    ("variation_comparison.sql", include_str!("../../sql/variation_comparison.sql")),
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
