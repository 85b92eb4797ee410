"""URLs of accounts and teams."""

from django.urls import path, re_path

from curation.views import accounts, activity, hub, teams, tokens

urlpatterns = [
    path("", teams.home, name="home"),
    # Signing in
    path("login/", accounts.login, name="account_login"),
    path("logout/", accounts.logout, name="account_logout"),
    path("inactive/", accounts.inactive, name="account_inactive"),
    path("signup/", accounts.signup, name="account_signup"),
    path("confirm-email/", accounts.verification_sent, name="account_email_verification_sent"),
    path("reauthenticate/", accounts.reauthenticate, name="account_reauthenticate"),
    path("password/change/", accounts.password_change, name="account_change_password"),
    path("password/reset/", accounts.password_reset, name="account_reset_password"),
    path("password/reset/done/", accounts.password_reset_done, name="account_reset_password_done"),
    path("password/reset/key/done/", accounts.password_reset_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        accounts.password_reset_key,
        name="account_reset_password_from_key",
    ),
    path("me/", accounts.profile, name="profile"),
    # Joining
    path("invitations/<str:secret>/", accounts.invitation, name="invitation"),
    path("join/", accounts.join, name="join"),
    # A team
    path("teams/new/", teams.team_new, name="team_new"),
    path("t/<slug:slug>/team/", teams.team_members, name="team_members"),
    path("t/<slug:slug>/team/rename/", teams.team_rename, name="team_rename"),
    path("t/<slug:slug>/team/members/<int:membership_id>/", teams.member, name="member"),
    path("t/<slug:slug>/team/invitations/<int:invitation_id>/", teams.invitation_revoke, name="invitation_revoke"),
    # What happened
    path("t/<slug:slug>/activity/", activity.team_activity, name="team_activity"),
    path("t/<slug:slug>/audit/", activity.team_audit, name="team_audit"),
    # The hub
    path("t/<slug:slug>/hub/", hub.team_hub, name="team_hub"),
    # Tokens of the API
    path("t/<slug:slug>/tokens/", tokens.team_tokens, name="team_tokens"),
    path("t/<slug:slug>/tokens/<int:token_id>/revoke/", tokens.token_revoke, name="token_revoke"),
]
