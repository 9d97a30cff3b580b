package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// TokenID names a token; it is no secret.
type TokenID int64

// Token lets an application act, for a person or for itself.
type Token struct {
	ID    TokenID
	AppID AppID
	// UserID and AccountID are 0 for a token of an application alone.
	UserID    UserID
	AccountID accounts.ID
	Scopes    Scopes
	// App is nil for a token that belongs to no application.
	App       *Application
	CreatedAt time.Time
}

// NewToken is a token just made, with the plain text that is told once.
type NewToken struct {
	Token
	Plain string
}

const (
	// grantLife is how long a code can be turned into a token.
	grantLife = 10 * time.Minute
	// Lengths of a code verifier and of an S256 challenge (RFC 7636).
	minVerifier  = 43
	maxVerifier  = 128
	challengeLen = 43
)

// ErrGrant is why a code does not become a token; one answer for all reasons.
var ErrGrant = errs.Invalid("The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.")

// Grant is what a person agreed to.
type Grant struct {
	App         *Application
	User        *User
	RedirectURI string
	Scopes      Scopes
	// Challenge is the S256 challenge, or empty.
	Challenge string
}

// ValidChallenge reports whether s can be an S256 challenge.
func ValidChallenge(s string) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(s) == challengeLen && len(b) == sha256.Size
}

// Authorize makes the code for what a person agreed to. It is checked here again, whatever the page said (OAU-06).
func (s *Service) Authorize(ctx context.Context, g Grant) (code string, err error) {
	switch {
	case !g.App.Redirects(g.RedirectURI):
		return "", errs.Invalid("The requested redirect uri is malformed or doesn't match client redirect URI.")
	case len(g.Scopes) == 0 || !g.Scopes.Within(g.App.Scopes) || g.Scopes.Admin() && !g.User.Staff():
		return "", errs.Invalid("The requested scope is invalid, unknown, or malformed.")
	case g.Challenge != "" && !ValidChallenge(g.Challenge):
		return "", errs.Invalid("The code challenge method must be S256.")
	}
	code, hash := newSecret()
	method := ""
	if g.Challenge != "" {
		method = "S256"
	}
	now := s.Clock.Now()
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO oauth_access_grants (id, code_hash, application_id, user_id, redirect_uri, scopes, code_challenge, code_challenge_method, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, s.IDs.Next(), hash, g.App.ID, g.User.ID, g.RedirectURI, g.Scopes.String(), g.Challenge, method, db.Ms(now), db.Ms(now.Add(grantLife)))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("granting access: %w", err)
	}
	return code, nil
}

// Exchange turns a code into a token, once. A code that comes a second time was stolen by one of the two who had it: the
// token made of it is revoked (RFC 6749, section 4.1.2).
func (s *Service) Exchange(ctx context.Context, app *Application, code, redirectURI, verifier string) (*NewToken, error) {
	if code == "" || len(code) > maxSecret {
		return nil, ErrGrant
	}
	var made *NewToken
	var refused bool // outside of the transaction's error: the revocation must be kept
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		made, refused = nil, true
		now := s.Clock.Now()
		var id, expires, used int64
		var user UserID
		var uri, scopes, challenge string
		err := tx.QueryRow(ctx, `SELECT id, user_id, redirect_uri, scopes, code_challenge, expires_at, used_at FROM oauth_access_grants WHERE code_hash = $1 AND application_id = $2`+tx.ForUpdate(),
			hashSecret(code), app.ID).Scan(&id, &user, &uri, &scopes, &challenge, &expires, &used)
		if errs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if used != 0 {
			return s.revokeTokens(ctx, tx, "grant_id = $2 AND grant_id <> 0", db.Ms(now), id)
		}
		if db.Ms(now) >= expires || uri != redirectURI || !verifies(challenge, verifier) {
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE oauth_access_grants SET used_at = $1 WHERE id = $2", db.Ms(now), id); err != nil {
			return err
		}
		refused = false
		made, err = s.makeToken(ctx, tx, app, user, id, strings.Fields(scopes))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("turning a code into a token: %w", err)
	}
	if refused {
		return nil, ErrGrant
	}
	return made, nil
}

// verifies reports whether a verifier belongs to a challenge. Neither may come without the other (OAU-02).
func verifies(challenge, verifier string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	if len(verifier) < minVerifier || len(verifier) > maxVerifier {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

func (s *Service) makeToken(ctx context.Context, tx *db.Tx, app *Application, user UserID, grant int64, scopes Scopes) (*NewToken, error) {
	plain, hash := newSecret()
	t := &NewToken{Plain: plain, Token: Token{ID: TokenID(s.IDs.Next()), UserID: user, Scopes: scopes, App: app, CreatedAt: s.Clock.Now()}}
	if app != nil {
		t.AppID = app.ID
	}
	_, err := tx.Exec(ctx, "INSERT INTO oauth_access_tokens (id, token_hash, application_id, user_id, grant_id, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		t.ID, hash, t.AppID, user, grant, scopes.String(), db.Ms(t.CreatedAt))
	return t, err
}

// IssueToken makes a token for a person without asking: for the command line, and for an app that just signed the person up. The
// scopes never reach beyond what the application registered; app may be nil.
func (s *Service) IssueToken(ctx context.Context, app *Application, user UserID, scopes Scopes) (*NewToken, error) {
	if len(scopes) == 0 || app != nil && !scopes.Within(app.Scopes) {
		return nil, errs.Invalid("The requested scope is invalid, unknown, or malformed.")
	}
	var t *NewToken
	err := s.DB.Write(ctx, func(tx *db.Tx) (err error) {
		t, err = s.makeToken(ctx, tx, app, user, 0, scopes)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("issuing a token: %w", err)
	}
	return t, nil
}

// RevokeToken ends a token of an application; one that is unknown or another application's is errs.NotFound or errs.ForbiddenKind.
func (s *Service) RevokeToken(ctx context.Context, app *Application, plain string) error {
	if plain == "" || len(plain) > maxSecret {
		return errs.NotFound()
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		owner, err := db.Value[AppID](ctx, tx, "SELECT application_id FROM oauth_access_tokens WHERE token_hash = $1", hashSecret(plain))
		if err != nil {
			return err
		}
		if app == nil || owner != app.ID {
			return errs.Forbidden()
		}
		return s.revokeTokens(ctx, tx, "token_hash = $2", db.Ms(s.Clock.Now()), hashSecret(plain))
	})
}

// TokenOf finds a token of an application that still counts; any other is errs.NotFound. That is no use of the token.
func (s *Service) TokenOf(ctx context.Context, q db.Q, app *Application, plain string) (*Token, error) {
	if plain == "" || len(plain) > maxSecret {
		return nil, errs.NotFound()
	}
	t := &Token{AppID: app.ID, App: app}
	var scopes string
	var created int64
	err := q.QueryRow(ctx, "SELECT id, user_id, scopes, created_at FROM oauth_access_tokens WHERE token_hash = $1 AND application_id = $2 AND revoked_at = 0", hashSecret(plain), app.ID).
		Scan(&t.ID, &t.UserID, &scopes, &created)
	t.Scopes, t.CreatedAt = strings.Fields(scopes), db.At(created)
	return t, err
}

// revokeTokens ends the tokens of a condition, whose arguments follow the time.
func (s *Service) revokeTokens(ctx context.Context, tx *db.Tx, where string, args ...any) error {
	list, err := db.Column[TokenID](ctx, tx, "UPDATE oauth_access_tokens SET revoked_at = $1 WHERE "+where+" AND revoked_at = 0 RETURNING id", args...)
	if err != nil {
		return err
	}
	s.tokensRevoked(tx, list)
	return nil
}
