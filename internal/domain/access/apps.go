package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/errs"
)

// AppID names an application.
type AppID int64

// OutOfBand is the redirect address of apps that cannot be sent back to: the code is shown instead.
const OutOfBand = "urn:ietf:wg:oauth:2.0:oob"

// Limits of an application, Mastodon's where it has them (OAU-11).
const (
	maxAppName     = 60
	maxWebsite     = 2000
	maxRedirects   = 50
	maxRedirectURI = 2000
)

// Application is a program that people may let act for them.
type Application struct {
	ID            AppID
	Name, Website string
	ClientID      string
	RedirectURIs  []string
	Scopes        Scopes
	CreatedAt     time.Time
}

// NewApp is what a program says of itself.
type NewApp struct {
	Name, Website string
	RedirectURIs  []string
	// Scopes are parted by spaces; '' is DefaultScope.
	Scopes string
}

const appColumns = "a.id, a.name, a.website, a.client_id, a.redirect_uris, a.scopes, a.created_at"

// appRow reads an application's columns among others.
type appRow struct {
	app       Application
	redirects string
	scopes    string
	created   int64
}

func (r *appRow) into() []any {
	a := &r.app
	return []any{&a.ID, &a.Name, &a.Website, &a.ClientID, &r.redirects, &r.scopes, &r.created}
}

func (r *appRow) done() (*Application, error) {
	a := &r.app
	a.Scopes, a.CreatedAt = strings.Fields(r.scopes), db.At(r.created)
	if err := json.Unmarshal([]byte(r.redirects), &a.RedirectURIs); err != nil {
		return nil, fmt.Errorf("reading application %d: %w", a.ID, err)
	}
	return a, nil
}

func scanApp(r db.Row) (*Application, error) {
	var row appRow
	if err := r.Scan(row.into()...); err != nil {
		return nil, err
	}
	return row.done()
}

// Register enters an application. The secret is told this once and kept as a hash (OAU-08).
func (s *Service) Register(ctx context.Context, n NewApp) (*Application, string, error) {
	var wrong []string
	n.Name, n.Website = strings.TrimSpace(n.Name), strings.TrimSpace(n.Website)
	switch {
	case n.Name == "":
		wrong = append(wrong, "Name can't be blank")
	case utf8.RuneCountInString(n.Name) > maxAppName:
		wrong = append(wrong, fmt.Sprintf("Name is too long (maximum is %d characters)", maxAppName))
	}
	redirects, problem := checkRedirects(n.RedirectURIs)
	if problem != "" {
		wrong = append(wrong, "Redirect URI "+problem)
	}
	if problem := checkWebsite(n.Website); problem != "" {
		wrong = append(wrong, "Website "+problem)
	}
	if strings.TrimSpace(n.Scopes) == "" {
		n.Scopes = DefaultScope
	}
	scopes, err := ParseScopes(n.Scopes)
	if err != nil || len(scopes) == 0 {
		wrong = append(wrong, "Scopes doesn't match configured on the server.")
	}
	if wrong != nil {
		return nil, "", errs.Invalid("Validation failed: %s", strings.Join(wrong, ", "))
	}
	list, err := json.Marshal(redirects)
	if err != nil {
		return nil, "", err
	}
	clientID, _ := newSecret()
	secret, hash := newSecret()
	a := &Application{ID: AppID(s.IDs.Next()), Name: n.Name, Website: n.Website, ClientID: clientID, RedirectURIs: redirects, Scopes: scopes, CreatedAt: s.Clock.Now()}
	err = s.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO oauth_applications (id, name, website, client_id, client_secret_hash, redirect_uris, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			a.ID, a.Name, a.Website, a.ClientID, hash, string(list), a.Scopes.String(), db.Ms(a.CreatedAt))
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("registering application: %w", err)
	}
	return a, secret, nil
}

// checkRedirects reads redirect addresses, each of which may be several in lines, and says what is wrong with them.
func checkRedirects(in []string) ([]string, string) {
	var out []string
	for _, lines := range in {
		for uri := range strings.FieldsSeq(lines) {
			if problem := checkRedirect(uri); problem != "" {
				return nil, problem
			}
			if !slices.Contains(out, uri) {
				out = append(out, uri)
			}
			if len(out) > maxRedirects {
				return nil, fmt.Sprintf("has too many entries (maximum is %d)", maxRedirects)
			}
		}
	}
	if len(out) == 0 {
		return nil, "can't be blank"
	}
	return out, ""
}

func checkRedirect(uri string) string {
	if len(uri) > maxRedirectURI {
		return fmt.Sprintf("is too long (maximum is %d characters)", maxRedirectURI)
	}
	if uri == OutOfBand {
		return ""
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || strings.ContainsFunc(uri, func(r rune) bool { return r < ' ' || r == '\\' || r == '"' || r == '<' || r == '>' || r == 0x7f }):
		return "must be a valid URI."
	case strings.Contains(uri, "#"):
		return "cannot contain a fragment."
	case u.Scheme == "":
		return "must be an absolute URI."
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript", "blob", "file", "about", "view-source":
		return "is forbidden by the server."
	case "http", "https":
		if u.Host == "" || u.User != nil {
			return "must be an absolute URI."
		}
	default:
		// An app's own scheme: com.example.app:/cb, myapp://oauth.
		if u.Opaque == "" && u.Host == "" && u.Path == "" {
			return "must be an absolute URI."
		}
	}
	return ""
}

func checkWebsite(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > maxWebsite {
		return fmt.Sprintf("is too long (maximum is %d characters)", maxWebsite)
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || strings.ContainsAny(s, " \"<>\\\r\n\t") {
		return "must be a valid URL"
	}
	return ""
}

// Redirects reports whether a code may be sent to an address: it is registered to the letter, or is on this very machine
// and differs in the port alone (RFC 8252, section 7.3; OAU-01).
func (a *Application) Redirects(uri string) bool {
	if uri == "" {
		return false
	}
	for _, registered := range a.RedirectURIs {
		if registered == uri || sameLoopback(registered, uri) {
			return true
		}
	}
	return false
}

func sameLoopback(registered, asked string) bool {
	if !strings.HasPrefix(registered, "http://") || checkRedirect(asked) != "" {
		return false
	}
	a, err1 := url.Parse(registered)
	b, err2 := url.Parse(asked)
	if err1 != nil || err2 != nil || a.Hostname() != b.Hostname() || b.User != nil {
		return false
	}
	if ip, err := netip.ParseAddr(a.Hostname()); err != nil || !ip.IsLoopback() {
		return false
	}
	return a.Scheme == b.Scheme && a.EscapedPath() == b.EscapedPath() && a.RawQuery == b.RawQuery && a.ForceQuery == b.ForceQuery
}

// AppByClientID finds an application by its public name.
func (s *Service) AppByClientID(ctx context.Context, q db.Q, clientID string) (*Application, error) {
	if clientID == "" || len(clientID) > maxSecret {
		return nil, errs.NotFound()
	}
	return scanApp(q.QueryRow(ctx, "SELECT "+appColumns+" FROM oauth_applications a WHERE a.client_id = $1", clientID))
}

// AppByID finds an application.
func (s *Service) AppByID(ctx context.Context, q db.Q, id AppID) (*Application, error) {
	return scanApp(q.QueryRow(ctx, "SELECT "+appColumns+" FROM oauth_applications a WHERE a.id = $1", id))
}

// AuthenticateApp finds the application that knows its secret; errs.NotFound when there is none.
func (s *Service) AuthenticateApp(ctx context.Context, q db.Q, clientID, secret string) (*Application, error) {
	if clientID == "" || secret == "" || len(clientID) > maxSecret || len(secret) > maxSecret {
		return nil, errs.NotFound()
	}
	return scanApp(q.QueryRow(ctx, "SELECT "+appColumns+" FROM oauth_applications a WHERE a.client_id = $1 AND a.client_secret_hash = $2", clientID, hashSecret(secret)))
}

// AuthorizedApp is an application that a person lets act for them.
type AuthorizedApp struct {
	Application
	// Granted are the scopes of all its tokens together.
	Granted          Scopes
	Since, LastUseAt time.Time
}

// AuthorizedApps lists the applications that may act for a person, the newest first.
func (s *Service) AuthorizedApps(ctx context.Context, q db.Q, id UserID) ([]AuthorizedApp, error) {
	rows, err := q.Query(ctx, "SELECT "+appColumns+`, t.scopes, t.created_at, t.used_at FROM oauth_access_tokens t JOIN oauth_applications a ON a.id = t.application_id
WHERE t.user_id = $1 AND t.revoked_at = 0 ORDER BY t.id DESC LIMIT 1000`, id)
	if err != nil {
		return nil, fmt.Errorf("listing authorized applications: %w", err)
	}
	defer rows.Close()
	var out []AuthorizedApp
	at := map[AppID]int{}
	for rows.Next() {
		var row appRow
		var scopes string
		var created, used int64
		if err := rows.Scan(append(row.into(), &scopes, &created, &used)...); err != nil {
			return nil, err
		}
		app, err := row.done()
		if err != nil {
			return nil, err
		}
		i, known := at[app.ID]
		if !known {
			i, at[app.ID] = len(out), len(out)
			out = append(out, AuthorizedApp{Application: *app})
		}
		a := &out[i]
		for _, name := range strings.Fields(scopes) {
			if !slices.Contains(a.Granted, name) {
				a.Granted = append(a.Granted, name)
			}
		}
		a.Since = db.At(created) // rows come newest first
		if last := db.At(used); last.After(a.LastUseAt) {
			a.LastUseAt = last
		}
	}
	return out, rows.Err()
}

// RevokeApp takes back everything a person allowed an application.
func (s *Service) RevokeApp(ctx context.Context, id UserID, app AppID) error {
	err := s.DB.Write(ctx, func(tx *db.Tx) error {
		now := db.Ms(s.Clock.Now())
		if _, err := tx.Exec(ctx, "UPDATE /* reads all, which are those of some days */ oauth_access_grants SET used_at = $1 WHERE user_id = $2 AND application_id = $3 AND used_at = 0", now, id, app); err != nil {
			return err
		}
		return s.revokeTokens(ctx, tx, "user_id = $2 AND application_id = $3", now, id, app)
	})
	if err != nil {
		return fmt.Errorf("revoking an application: %w", err)
	}
	return nil
}
