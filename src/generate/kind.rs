//! The event types the stories know by name, and where each is in the caller's list.

use super::options::TypeSpec;

/// Declares the enum, its names and its length in one list.
macro_rules! kinds {
    ($($kind:ident $name:literal)*) => {
        /// An event type that a story tells.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($kind),* }

        /// Each kind with its event type.
        pub const NAMES: &[(Kind, &str)] = &[$((Kind::$kind, $name)),*];
    };
}

kinds! {
    AgentExecuted "agentconsole.AgentExecuted"
    ToolInvocation "agentconsole.ToolInvocation"
    RandomBucket "users.RandomBucketNumberUpdate"
    DeleteRequest "users.UserDeleteRequest"
    Orphan "users.UserOrphan"
    CustomEvent "users.behaviors.CustomEvent"
    InstallAttribution "users.behaviors.InstallAttribution"
    Location "users.behaviors.Location"
    Purchase "users.behaviors.Purchase"
    Uninstall "users.behaviors.Uninstall"
    FirstSession "users.behaviors.app.FirstSession"
    SessionEnd "users.behaviors.app.SessionEnd"
    SessionStart "users.behaviors.app.SessionStart"
    ToStartToken "users.behaviors.liveactivity.PushToStartTokenChange"
    UpdateToken "users.behaviors.liveactivity.UpdateTokenChange"
    PushToken "users.behaviors.pushnotification.TokenStateChange"
    GlobalState "users.behaviors.subscription.GlobalStateChange"
    GroupState "users.behaviors.subscriptiongroup.StateChange"
    CampaignConversion "users.campaigns.Conversion"
    EnrollInControl "users.campaigns.EnrollInControl"
    CanvasConversion "users.canvas.Conversion"
    CanvasEntry "users.canvas.Entry"
    CostepSend "users.canvas.costep.Send"
    ExitAudience "users.canvas.exit.MatchedAudience"
    ExitEvent "users.canvas.exit.PerformedEvent"
    ExperimentConversion "users.canvas.experimentstep.Conversion"
    SplitEntry "users.canvas.experimentstep.SplitEntry"
    Progression "users.canvasstep.Progression"
    BannerAbort "users.messages.banner.Abort"
    BannerClick "users.messages.banner.Click"
    BannerDismiss "users.messages.banner.Dismiss"
    BannerImpression "users.messages.banner.Impression"
    CardAbort "users.messages.contentcard.Abort"
    CardClick "users.messages.contentcard.Click"
    CardDismiss "users.messages.contentcard.Dismiss"
    CardImpression "users.messages.contentcard.Impression"
    CardSend "users.messages.contentcard.Send"
    EmailAbort "users.messages.email.Abort"
    EmailBounce "users.messages.email.Bounce"
    EmailClick "users.messages.email.Click"
    EmailDeferral "users.messages.email.Deferral"
    EmailDelivery "users.messages.email.Delivery"
    EmailSpam "users.messages.email.MarkAsSpam"
    EmailOpen "users.messages.email.Open"
    EmailRetry "users.messages.email.Retry"
    EmailSend "users.messages.email.Send"
    EmailSoftBounce "users.messages.email.SoftBounce"
    EmailUnsubscribe "users.messages.email.Unsubscribe"
    FlagImpression "users.messages.featureflag.Impression"
    InAppAbort "users.messages.inappmessage.Abort"
    InAppClick "users.messages.inappmessage.Click"
    InAppImpression "users.messages.inappmessage.Impression"
    LineAbort "users.messages.line.Abort"
    LineClick "users.messages.line.Click"
    LineInbound "users.messages.line.InboundReceive"
    LineRetry "users.messages.line.Retry"
    LineSend "users.messages.line.Send"
    LiveOutcome "users.messages.liveactivity.Outcome"
    LiveSend "users.messages.liveactivity.Send"
    PushAbort "users.messages.pushnotification.Abort"
    PushBounce "users.messages.pushnotification.Bounce"
    PushForeground "users.messages.pushnotification.IosForeground"
    PushOpen "users.messages.pushnotification.Open"
    PushRetry "users.messages.pushnotification.Retry"
    PushSend "users.messages.pushnotification.Send"
    RcsAbort "users.messages.rcs.Abort"
    RcsClick "users.messages.rcs.Click"
    RcsDelivery "users.messages.rcs.Delivery"
    RcsInbound "users.messages.rcs.InboundReceive"
    RcsRead "users.messages.rcs.Read"
    RcsRejection "users.messages.rcs.Rejection"
    RcsSend "users.messages.rcs.Send"
    SmsAbort "users.messages.sms.Abort"
    SmsCarrierSend "users.messages.sms.CarrierSend"
    SmsDelivery "users.messages.sms.Delivery"
    SmsFailure "users.messages.sms.DeliveryFailure"
    SmsInbound "users.messages.sms.InboundReceive"
    SmsRejection "users.messages.sms.Rejection"
    SmsRetry "users.messages.sms.Retry"
    SmsSend "users.messages.sms.Send"
    SmsClick "users.messages.sms.ShortLinkClick"
    WebhookAbort "users.messages.webhook.Abort"
    WebhookFailure "users.messages.webhook.Failure"
    WebhookRetry "users.messages.webhook.Retry"
    WebhookSend "users.messages.webhook.Send"
    WhatsAppAbort "users.messages.whatsapp.Abort"
    WhatsAppClick "users.messages.whatsapp.Click"
    WhatsAppDelivery "users.messages.whatsapp.Delivery"
    WhatsAppFailure "users.messages.whatsapp.Failure"
    WhatsAppInbound "users.messages.whatsapp.InboundReceive"
    WhatsAppRead "users.messages.whatsapp.Read"
    WhatsAppRetry "users.messages.whatsapp.Retry"
    WhatsAppSend "users.messages.whatsapp.Send"
    ProfileUpdate "users.profile.Update"
}

/// Which position of the caller's list each kind has; kinds that were not asked for have none.
#[derive(Debug)]
pub struct Slots(Vec<Option<u16>>);

impl Slots {
    /// Finds every kind among the types.
    pub fn find(types: &[TypeSpec]) -> Slots {
        let position = |name: &str| types.iter().position(|t| t.event_type == name).map(|at| at as u16);
        Slots(NAMES.iter().map(|(_, name)| position(name)).collect())
    }

    /// The position of a kind.
    #[inline(always)]
    pub fn get(&self, kind: Kind) -> Option<u16> {
        self.0.get(kind as usize).copied().flatten()
    }

    /// Whether any of the kinds was asked for.
    pub fn any(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|k| self.get(*k).is_some())
    }

    /// The kind at a position of the caller's list.
    pub fn kind_at(&self, slot: u16) -> Option<Kind> {
        let at = self.0.iter().position(|s| *s == Some(slot))?;
        NAMES.get(at).map(|(kind, _)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_names_is_in_the_order_of_the_kinds() {
        for (at, (kind, _)) in NAMES.iter().enumerate() {
            assert_eq!(*kind as usize, at);
        }
    }
}
