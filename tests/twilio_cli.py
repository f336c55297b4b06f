"""Resources as twilio-cli prints them."""

from __future__ import annotations

from typing import Any

CAMEL = {
    "account_sid": "accountSid",
    "service_sid": "serviceSid",
    "friendly_name": "friendlyName",
    "unique_name": "uniqueName",
    "date_created": "dateCreated",
    "date_updated": "dateUpdated",
    "created_by": "createdBy",
    "members_count": "membersCount",
    "messages_count": "messagesCount",
    "default_service_role_sid": "defaultServiceRoleSid",
    "default_channel_role_sid": "defaultChannelRoleSid",
    "default_channel_creator_role_sid": "defaultChannelCreatorRoleSid",
    "read_status_enabled": "readStatusEnabled",
    "reachability_enabled": "reachabilityEnabled",
    "typing_indicator_timeout": "typingIndicatorTimeout",
    "consumption_report_interval": "consumptionReportInterval",
    "pre_webhook_url": "preWebhookUrl",
    "post_webhook_url": "postWebhookUrl",
    "webhook_method": "webhookMethod",
    "webhook_filters": "webhookFilters",
    "pre_webhook_retry_count": "preWebhookRetryCount",
    "post_webhook_retry_count": "postWebhookRetryCount",
}


def cli(resource: dict[str, Any]) -> dict[str, Any]:
    """What twilio-cli prints: camelCase at the top level, dates with milliseconds."""
    dates = {"date_created": "2019-03-04T05:06:07.000Z", "date_updated": "2021-03-04T05:06:07.000Z"}
    return {CAMEL.get(key, key): dates.get(key, value) for key, value in resource.items()}
