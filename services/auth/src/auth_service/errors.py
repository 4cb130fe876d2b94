"""The errors of auth.

AppError
├── Invalid          PasswordTooShort, PasswordTooLong, PasswordTooCommon, LinkInvalid,
│                    KeyExpiryTooFar, KeyScopeRefused, UsernameReserved, CodeInvalid, LinkElsewhere,
│                    RefreshTokenMissing
├── Unauthenticated  CredentialsInvalid, RefreshTokenInvalid ── RefreshTokenReused
├── Forbidden        EmailNotVerified, AccountDisabled, PasswordWrong, StaffProtected,
│                    StaffNotImpersonated, Impersonated, ReauthenticationRequired, CrossSiteRequest
├── NotFound         LinkNotFound, SessionNotFound, AccountNotFound, SigningKeyNotFound, KeyNotFound
├── Conflict         EmailTaken, UsernameTaken, OwnAccount, TooManyKeys
├── RateLimited      PasswordsBusy, TooManyAttempts
└── Unavailable      SigningKeysUnknown
"""

from common.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)


class PasswordTooShort(Invalid):
    code = "auth.password_too_short"
    message = "The password must have at least {minimum} characters."


class PasswordTooLong(Invalid):
    code = "auth.password_too_long"
    message = "The password must have at most {maximum} characters."


class PasswordTooCommon(Invalid):
    code = "auth.password_too_common"
    message = "The password is easy to guess: {reason}"


class LinkInvalid(Invalid):
    code = "auth.link_invalid"
    message = "The link is not valid: it was used, has expired, or was replaced by a newer one."


class LinkElsewhere(Invalid):
    """It would work, but not here: whoever forwards or steals it has nothing."""

    code = "auth.link_elsewhere"
    message = (
        "This link works only in the browser that asked for it. "
        "Open it there, or enter the code of the mail there."
    )


class CodeInvalid(Invalid):
    """The attempt counts, which must be kept; which of the reasons it is is not said."""

    commits = True
    code = "auth.code_invalid"
    message = (
        "The code is not valid: it is wrong, was used, has expired, was asked for elsewhere, "
        "or too many were tried. Ask for another one."
    )


class KeyExpiryTooFar(Invalid):
    code = "auth.key_expiry_too_far"
    message = "A personal access token counts for at most {most} days."


class KeyScopeRefused(Invalid):
    code = "auth.key_scope_refused"
    message = "A personal access token may do no more than its owner."


class RefreshTokenMissing(Invalid):
    code = "auth.refresh_token_missing"
    message = "The refresh token is missing, and no cookie was asked for."


class UsernameReserved(Invalid):
    code = "auth.username_reserved"
    message = "The username {username} is kept for the platform."


class CredentialsInvalid(Unauthenticated):
    """The audit tells of it, as of every login that is refused."""

    commits = True
    code = "auth.credentials_invalid"
    message = "E-mail address or password is wrong."


class RefreshTokenInvalid(Unauthenticated):
    code = "auth.refresh_token_invalid"
    message = "The refresh token is not valid; log in again."


class RefreshTokenReused(RefreshTokenInvalid):
    """A token came back after its grace: its session has ended, which must be kept."""

    commits = True


class EmailNotVerified(Forbidden):
    commits = True
    code = "auth.email_not_verified"
    message = "The e-mail address is not verified yet; follow the link in the mail."


class AccountDisabled(Forbidden):
    commits = True
    code = "auth.account_disabled"
    message = "The account is disabled."


class StaffProtected(Forbidden):
    code = "auth.staff_protected"
    message = "Only an admin changes the account of somebody with a role."


class StaffNotImpersonated(Forbidden):
    code = "auth.staff_not_impersonated"
    message = "Nobody acts for somebody who has a role."


class Impersonated(Forbidden):
    code = "auth.impersonated"
    message = "Whoever acts for somebody else may not do this."


class CrossSiteRequest(Forbidden):
    code = "auth.cross_site_request"
    message = "Cookies are for pages of this origin alone."


class ReauthenticationRequired(Forbidden):
    """Not 401: another token of the same session would not help."""

    code = "auth.reauthentication_required"
    message = "Show again who you are: send your password or a mailed code to /reauthenticate."


class PasswordWrong(Forbidden):
    commits = True
    code = "auth.password_wrong"
    message = "The present password is another one."


class LinkNotFound(NotFound):
    code = "auth.link_not_found"
    message = "There is no such link to mail."


class SessionNotFound(NotFound):
    """It is another's, has ended, or never was: which of them is not said."""

    code = "auth.session_not_found"
    message = "There is no such session."


class AccountNotFound(NotFound):
    code = "auth.account_not_found"
    message = "There is no such account."


class SigningKeyNotFound(NotFound):
    code = "auth.signing_key_not_found"
    message = "There is no signing key {kid}."


class KeyNotFound(NotFound):
    """It is another's, counts no longer, or never was: which of them is not said."""

    code = "auth.key_not_found"
    message = "There is no such personal access token."


class OwnAccount(Conflict):
    code = "auth.own_account"
    message = "Nobody does this to their own account."


class EmailTaken(Conflict):
    code = "auth.email_taken"
    message = "The address has become another account's meanwhile."


class UsernameTaken(Conflict):
    """Somebody has it, or one that looks the same: which of them is not said."""

    code = "auth.username_taken"
    message = "The username {username} is taken, or looks like one that is."


class TooManyKeys(Conflict):
    """Those of the last day count even if revoked: each one is told to everybody and mailed."""

    code = "auth.too_many_keys"
    message = "An account has at most {most} personal access tokens, with those of the last day."


class PasswordsBusy(RateLimited):
    """Checking passwords is the one costly thing that anybody may ask for: it is bounded."""

    code = "auth.passwords_busy"
    message = "Too many passwords are being checked at the moment; try again soon."
    retry_after_seconds = 2


class TooManyAttempts(RateLimited):
    """What was tried is not looked at, so that the answer is the same for any account and none."""

    code = "auth.too_many_attempts"
    message = "This was tried too often; try again in {retry_after_seconds} seconds."


class SigningKeysUnknown(Unavailable):
    """Nothing is signed with a key that others may have forgotten, or do not know yet."""

    code = "auth.signing_keys_unknown"
    message = "The keys that sign access tokens are not known at the moment."
