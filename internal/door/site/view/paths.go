package view

// Where pages live and forms are sent to. The door that serves them routes the same constants; they are Mastodon's
// addresses where it has one, so that links in apps and mails keep working.
const (
	PathLanding           = "/"
	PathAbout             = "/about"
	PathPrivacy           = "/privacy-policy"
	PathTerms             = "/terms-of-service"              // and /{date}
	PathSignIn            = "/auth/sign_in"                  // GET, POST: email, password, next
	PathSignUp            = "/auth/sign_up"                  // GET, POST: username, email, password, reason, agreement, website (a trap), next
	PathSignOut           = "/auth/sign_out"                 // POST
	PathConfirmation      = "/auth/confirmation"             // GET ?confirmation_token; POST: email (send again)
	PathForgotPassword    = "/auth/password/new"             // GET, POST: email
	PathResetPassword     = "/auth/password/edit"            // GET, POST: reset_password_token, password
	PathAccount           = "/auth/edit"                     // GET
	PathChangeEmail       = "/auth/edit/email"               // POST: email, current_password
	PathChangePassword    = "/auth/edit/password"            // POST: current_password, password
	PathSessions          = "/auth/sessions"                 // POST {id}/revoke
	PathConsent           = "/oauth/authorize"               // GET, POST: decision (allow, deny) and the hidden fields
	PathApps              = "/oauth/authorized_applications" // GET; POST {id}/revoke
	PathAuthorizeInteract = "/authorize_interaction"         // GET ?uri, POST: uri
	PathRemoteFollow      = "/remote_follow"                 // GET ?acct, POST: acct, handle
	PathSubscribe         = "/email_subscriptions"           // GET ?acct, POST: acct, email
	PathSubscribed        = PathSubscribe + "/confirmation"  // GET ?confirmation_token
	PathUnsubscribe       = PathSubscribe + "/unsubscribe"   // GET and POST ?token
)
