"""What the mappings say: one table of all causes, from id to heading and sentences."""

from __future__ import annotations

from mappings.reasons import Cause

# -- every field ------------------------------------------------------------------------------------------------

NOT_SET = Cause("not_set", "Not set in Chat", "Not set.")
SAME_SETTING = Cause("same_setting", "The same setting", "Conversations has the same setting.")
RENAMED_SETTING = Cause(
    "renamed_setting",
    "The same setting under another name",
    "Conversations has the same setting under another name.",
)
NOT_A_SETTING = Cause(
    "not_a_setting", "Not a setting", "Not a setting: Twilio gives every resource one of its own."
)
VIEWS_DIFFER = Cause(
    "views_differ", "Chat v1 and v2 show different values", "The v1 API shows {v1_value} instead."
)
NOT_EXAMINED = Cause(
    "not_examined",
    "Not examined ({why})",
    "{field} was not examined ({why}), so nothing is set. If Chat holds a value, set it by hand.",
)
UNEXPECTED_VALUE = Cause(
    "unexpected_value",
    "A value of the wrong type",
    "Expected {expected}, found {found}. Nothing is written. Look up the value in Twilio's Console and set it by hand.",
)
UNKNOWN_FIELD = Cause(
    "unknown_field",
    "A field that this version does not know",
    "This version of chat-migrate does not know this field, so nothing is written. "
    "Look it up in Twilio's documentation, and look for a newer chat-migrate.",
)
HOLDS_NOTHING = Cause("holds_nothing", "Empty", "Holds nothing.")

# -- identity ---------------------------------------------------------------------------------------------------

SAME_SERVICE = Cause(
    "same_service", "The same Service", "The Conversation Service with this SID is the same object."
)
NEW_SERVICE_SID = Cause(
    "new_service_sid",
    "The target has its own SID",
    "The target Conversation Service has its own SID. `chat-migrate sids` lists the old and new SIDs.",
)
SAME_ACCOUNT = Cause("same_account", "The same account", "The Conversation Service is in the same account.")
TARGET_ACCOUNT = Cause(
    "target_account",
    "The account of the target credentials",
    "The target Conversation Service is in the account of the target credentials. "
    "`chat-migrate sids` lists the old and new SIDs.",
)
SAME_NAME = Cause(
    "same_name",
    "The same name",
    "The same Service has the same name. Conversations cannot rename a Service.",
)
NAMED_AFTER_SID = Cause(
    "named_after_sid",
    "A new service needs a name",
    "Chat has no name for it, and a new service needs one, so it is named after the old SID.",
)
NAME_CUT = Cause(
    "name_cut",
    "The name is too long",
    "The name is cut from {length} to {longest} characters, the longest name that Conversations accepts.",
)
NAME_GIVEN = Cause(
    "name_given",
    "The name is given once",
    "The service gets this name when it is created. It cannot be changed later.",
)

# -- presence, limits, media ------------------------------------------------------------------------------------

DEFAULT_FALSE = Cause("default_false", "Not set in Chat", "Not set. The default is false.")
READ_HORIZON_REMAINS = Cause(
    "read_horizon_remains",
    "The read horizon is always on",
    "Conversations always offers the read horizon.",
)
READ_STATUS_OFF_LOST = Cause(
    "read_status_off_lost",
    "The read status cannot be switched off",
    "Conversations cannot switch the read horizon off for a service. "
    "Change the client so that it neither sets nor shows the last read message.",
)
DEFAULT_TYPING_TIMEOUT = Cause(
    "default_typing_timeout",
    "Twilio's default",
    "Twilio's default of {seconds:second|seconds} applies.",
)
TYPING_TIMEOUT_KEPT = Cause(
    "typing_timeout_kept",
    "Kept by the shared Service",
    "Conversations has no such setting, but the shared Service keeps its {seconds:second|seconds}.",
)
TYPING_TIMEOUT_UNSETTABLE = Cause(
    "typing_timeout_unsettable",
    "The typing timeout must be set by hand",
    "Conversations cannot set the typing timeout. If the target needs {seconds:second|seconds}, set "
    "TypingIndicatorTimeout through the Chat v2 API, while it answers, or in the Console.",
)
DEPRECATED_WITHOUT_EFFECT = Cause(
    "deprecated_without_effect",
    "Deprecated, without effect",
    "Twilio has deprecated this setting and it has no effect, so nothing is lost.",
)
DEFAULT_LIMIT = Cause("default_limit", "Twilio's default", "Twilio's default limit applies.")
LIMIT_KEPT = Cause(
    "limit_kept",
    "Kept by the shared Service",
    "Conversations has no such setting, but the shared Service keeps its limit of {limit} {what}.",
)
LIMIT_UNSETTABLE = Cause(
    "limit_unsettable",
    "Limits must be set by hand",
    "Conversations cannot set this limit. If the target needs {limit} {what}, set it in the Console "
    "(up to 1,000), or ask Twilio's support.",
)
DEFAULT_ACTION_LIMIT = Cause(
    "default_action_limit",
    "Twilio's default",
    "Every service is limited to {limit} actions per second.",
)
ACTION_LIMIT_KEPT = Cause(
    "action_limit_kept",
    "Kept by the shared Service",
    "Read-only. The shared Service keeps its limit of {limit:action|actions} per second.",
)
ACTION_LIMIT_LOST = Cause(
    "action_limit_lost",
    "The target has the default limit of actions per second",
    "Read-only. The target allows {default} actions per second, not {limit}. "
    "Ask Twilio's support if you need another limit.",
)
DEFAULT_MEDIA_SIZE = Cause(
    "default_media_size", "Twilio's default", "Conversations allows {limit} MB in every service."
)
MEDIA_SIZE_LOST = Cause(
    "media_size_lost",
    "Another size limit for media",
    "Read-only. Conversations allows {default} MB, not {limit} MB. "
    "If files must be smaller, check their size in the client.",
)
DEFAULT_MEDIA_TEXT = Cause(
    "default_media_text",
    "Twilio's default",
    "Twilio's default text. Conversations has none for clients that cannot show media.",
)
MEDIA_TEXT_LOST = Cause(
    "media_text_lost",
    "No text for clients that cannot show media",
    "Conversations has no text for clients that cannot show media. Let the client show its own.",
)

# -- roles ------------------------------------------------------------------------------------------------------

SAME_PERMISSIONS = Cause(
    "same_permissions", "The same permissions", "Conversations has permissions of the same names."
)
PERMISSIONS_RENAMED = Cause("permissions_renamed", "Permissions have new names", "Renamed: {renames}.")
PERMISSION_LOST = Cause(
    "permission_lost",
    "Conversations has no invitations",
    "Conversations has no invitations, so {permissions} is lost. addParticipant is the alternative, "
    "but it allows more, so chat-migrate does not grant it.",
)
PERMISSION_NOT_OF_TYPE = Cause(
    "permission_not_of_type",
    "Permissions that the role's type does not allow",
    "A role of type {type} cannot have {permissions} in Conversations, so that is lost. "
    "If users need it, grant it through a role of the other type.",
)
PERMISSION_UNKNOWN = Cause(
    "permission_unknown",
    "Permissions that Twilio does not document",
    "Left out, because Twilio does not document it: {permissions}. Decide what the role needs instead.",
)
NO_PERMISSION_LEFT = Cause(
    "no_permission_left",
    "No permission is left",
    "A role in Conversations needs at least one permission, and none is left (lost: {lost}). "
    "Choose what the role may do and create it by hand, or leave it out.",
)
NO_PERMISSION = Cause(
    "no_permission",
    "A role without permissions",
    "A role in Conversations needs at least one permission, and this one has none. "
    "Choose what the role may do and create it by hand, or leave it out.",
)
ROLE_WITHOUT_SID = Cause(
    "role_without_sid",
    "A role without a SID",
    "The role was read without a SID, so nothing can be done with it. Export the service again.",
)
ROLE_TYPE_UNKNOWN = Cause(
    "role_type_unknown",
    "A role of an unknown type",
    "The role's type is {type}, and Chat documents only `channel` and `deployment`. Create the role by hand.",
)
PERMISSIONS_UNREADABLE = Cause(
    "permissions_unreadable",
    "Permissions of the wrong type",
    "Expected {expected}, found {found}. Set the role's permissions by hand.",
)
ROLE_WITHOUT_NAME = Cause(
    "role_without_name",
    "A role without a name",
    "The role has no name, and a new role needs one. Create it by hand.",
)
SHARED_ROLES = Cause(
    "shared_roles", "The same roles", "Chat and Conversations share the roles and their SIDs."
)
COUNTERPART = Cause(
    "counterpart",
    "The role's counterpart in the target",
    "Set to the SID of the role's counterpart in the target.",
)
NO_COUNTERPART = Cause(
    "no_counterpart",
    "Default roles without a counterpart",
    "Role {role} has no counterpart in the target: it was not read, or Conversations cannot hold it. "
    "The target keeps its own default role. Choose another one if that does not fit.",
)

# -- webhooks ---------------------------------------------------------------------------------------------------

SAME_URL = Cause(
    "same_url",
    "The same URL",
    "Conversations has the same setting. The receiver must learn the new events.",
)
NO_URL = Cause(
    "no_url",
    "No webhook URL is set",
    "No webhook URL is set, so this has no effect in Chat. It is not written, because a Conversation Service with "
    "its own webhook settings no longer follows the account's webhook.",
)
EMPTY_URL_UNCERTAIN = Cause(
    "empty_url_uncertain",
    "Not set in Chat",
    "Not set. It is not emptied in Conversations, because per-event webhooks may have been merged into it, "
    "and they were not examined.",
)
EVENTS_MERGED = Cause(
    "events_merged", "Per-event webhooks are merged", "The per-event webhooks {events} were merged in."
)
METHOD_UNUSED = Cause(
    "method_unused",
    "No URL uses the method",
    "No URL uses this method in Chat. The method of the per-event webhooks is set.",
)
METHOD_REFUSED = Cause(
    "method_refused",
    "Methods other than GET and POST",
    "Conversations calls webhooks with GET or POST, not {method}. "
    "Choose one, make the receiver accept it, and set `method` of the Service Webhooks.",
)
DEFAULT_METHOD_KEPT = Cause(
    "default_method_kept",
    "Twilio's default",
    "Not set. The shared Service keeps its default, {method}.",
)
DEFAULT_METHOD_WRITTEN = Cause(
    "default_method_written",
    "Twilio's default is written out",
    "Not set. Chat's default, {method}, is written out.",
)
METHOD_UPPER_CASE = Cause(
    "method_upper_case", "The method in upper case", "Conversations writes {method} in upper case."
)
SAME_EVENTS = Cause("same_events", "The same events", "Conversations has the same events.")
FILTERS_UNKNOWN = Cause(
    "filters_unknown",
    "Webhook filters that Twilio does not document",
    "Left out, because Twilio documents no such event: {filters}. "
    "Find out what it was for, and set the filter by hand if Conversations has it.",
)
FILTER_WIDENED = Cause(
    "filter_widened",
    "Media events now fire for all messages",
    "{old} becomes {new}, which fires for all messages. Make the receiver skip those without Media.",
)
FILTERS_RENAMED = Cause(
    "filters_renamed",
    "Webhook events have new names",
    "Renamed: {renames}. The receiver sees the new names in EventType.",
)
FILTER_GROWN = Cause(
    "filter_grown",
    "Message events now include media",
    "{new} fires for messages with media too.",
)
FILTERS_UNCERTAIN = Cause(
    "filters_uncertain",
    "Webhook filters that a service may refuse",
    "Twilio documents {filters} for the account's webhooks, not for a service's. "
    "chat-migrate tries it. If Twilio refuses it, it is left out and reported.",
)
PRE_RETRIES_LOST = Cause(
    "pre_retries_lost",
    "Retries of pre-event webhooks are lost",
    "Conversations has no retry count, so {count:retry is|retries are} lost. If that matters, make the pre-event "
    "receiver fast and available: Conversations goes on after 5 seconds without an answer. Twilio's webhook connection "
    "overrides (`#rc=…` in the URL) are not documented for Conversations. Test before you rely on them.",
)
POST_RETRIES_LOST = Cause(
    "post_retries_lost",
    "Retries of post-event webhooks are lost",
    "Conversations has no retry count, so {count:retry is|retries are} lost. If that matters, take post-events from "
    "Event Streams, which delivers them durably (all but onDeliveryUpdated). Twilio's webhook connection overrides "
    "(`#rc=…` in the URL) are not documented for Conversations. Test before you rely on them.",
)
NO_RETRIES = Cause("no_retries", "Twilio's default", "Chat does not retry either.")
EVENT_WITHOUT_URL = Cause(
    "event_without_url", "Events without a URL", "This event has no URL, so this has no effect."
)
EVENT_NOT_MERGED = Cause(
    "event_not_merged",
    "Per-event webhooks that need an endpoint of their own",
    "Not merged: {obstacle}. Conversations has one {phase}-event URL per service. Let {target} name an endpoint that "
    "routes on EventType ({event} → {url}), and add {event} to the filters.",
)
EVENT_MERGED = Cause(
    "event_merged",
    "Per-event webhooks are merged",
    "All {phase}-event webhooks call this URL. It becomes {target}, with {event} as a filter.",
)
LEAVES_ACCOUNT_WEBHOOK = Cause(
    "leaves_account_webhook",
    "The account's webhook is no longer called",
    "The service follows the account's webhook until now. With its own webhook it no longer does.",
)
EVENT_METHOD_SHARED = Cause(
    "event_method_shared",
    "One method for all webhooks",
    "It becomes the one method of the service's webhooks.",
)
EVENT_METHOD_REPLACED = Cause(
    "event_method_replaced",
    "One method for all webhooks",
    "The one method of the service's webhooks will be {method}.",
)
EVENT_METHOD_NOT_MERGED = Cause(
    "event_method_not_merged",
    "Methods of per-event webhooks, which go with their URLs",
    "Goes with the URL of the same event, which is not merged. Let the endpoint that routes on EventType "
    "call it with {method}.",
)
FORM_FORMAT = Cause("form_format", "Form parameters", "Conversations always sends form parameters.")
FORMAT_LOST = Cause(
    "format_lost",
    "Webhook formats other than form parameters",
    "Conversations always sends form parameters, never {format}. Change the receiver.",
)

# -- notifications ----------------------------------------------------------------------------------------------

VARIABLES_RENAMED = Cause(
    "variables_renamed", "Template variables have new names", "Variables renamed: {renames}."
)
VARIABLES_GUESSED = Cause(
    "variables_guessed",
    "Template variables that Chat does not document",
    "Chat does not document {variables}, so the new name is a guess. Send a test notification.",
)
VARIABLES_UNKNOWN = Cause(
    "variables_unknown",
    "Template variables that Conversations does not document",
    "Conversations does not document {variables}, so it is kept unchanged. Check what a notification shows.",
)
USER_SID_VARIABLE = Cause(
    "user_sid_variable",
    "${{USER_SID}} has no equivalent",
    "${{PARTICIPANT_SID}} shows the SID of the participant (MB…), not that of the user (US…). "
    "Check what reads the notification.",
)
USER_IDENTITY_VARIABLE = Cause(
    "user_identity_variable",
    "${{USER_IDENTITY}} has no equivalent",
    "${{PARTICIPANT_IDENTITY}} shows the friendly name where there is one, and the identity only otherwise. "
    "Check what reads the notification.",
)
TEMPLATE_GREW = Cause(
    "template_grew",
    "Longer templates",
    "The definition grew from {before} to {after} characters. A rendered text is cut at {limit}.",
)
INVITATIONS_OFF = Cause(
    "invitations_off",
    "Invitations are not notified",
    "Chat does not notify of invitations, and Conversations has none.",
)
INVITATION_PART_EMPTY = Cause(
    "invitation_part_empty", "Not set in Chat", "Not set, and Conversations has no invitations."
)
INVITATION_LOST = Cause(
    "invitation_lost",
    "Conversations has no invitations",
    "Conversations has no invitations, so {part} is lost. "
    "People are added directly: put the text into the added_to_conversation notification.",
)
