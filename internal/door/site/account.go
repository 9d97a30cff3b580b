package site

import (
	"context"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
	"github.com/gomph/gomph/internal/kit/limit"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxPending is how many waiting people one page shows.
const maxPending = 100

func (s *Server) settings(_ context.Context, v *visit) error { return v.see(view.PathAccount) }

func (s *Server) account(ctx context.Context, v *visit) error {
	return s.accountPage(ctx, v, http.StatusOK, view.AccountSettings{})
}

func (s *Server) accountPage(ctx context.Context, v *visit, status int, p view.AccountSettings) (err error) {
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	p.Email, p.PendingEmail, p.MinPassword = v.User.Email, v.User.UnconfirmedEmail, access.MinPassword
	list, err := s.Access.Sessions(ctx, s.DB, v.User.ID)
	if err != nil {
		return err
	}
	for _, x := range list {
		p.Sessions = append(p.Sessions, view.Session{ID: ids.Format(x.ID), Agent: browserName(x.Agent), IP: x.IP, CreatedAt: x.CreatedAt, LastUsedAt: x.UsedAt, Current: x.ID == v.Session.ID})
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.AccountSettings(w, p) })
}

// browserName makes words of what a browser calls itself: "Firefox on Linux".
func browserName(agent string) string {
	find := func(pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if strings.Contains(agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	// The order matters: each later one is also named by the earlier ones.
	name := find("Edg", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chromium/", "Chromium", "Chrome/", "Chrome", "Safari/", "Safari")
	system := find("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS", "macOS", "CrOS", "ChromeOS", "Linux", "Linux")
	switch {
	case name == "" && agent == "":
		return "A browser without a name"
	case name == "":
		return text.Truncate(agent, 60)
	case system == "":
		return name
	}
	return name + " on " + system
}

func (s *Server) changeEmail(ctx context.Context, v *visit) error {
	if err := s.within(ctx, checkByUser, ids.Format(v.User.ID)); err != nil {
		return err
	}
	if err := s.Access.ChangeEmail(ctx, v.User.ID, v.r.PostForm.Get("current_password"), v.r.PostForm.Get("email")); err != nil {
		f, err := refused(err)
		if err != nil {
			return err
		}
		return s.accountPage(ctx, v, http.StatusUnprocessableEntity, view.AccountSettings{EmailForm: f})
	}
	if s.Access.AutoConfirm {
		return v.see(view.PathAccount + "?notice=address")
	}
	return v.see(view.PathAccount + "?notice=email")
}

func (s *Server) changePassword(ctx context.Context, v *visit) error {
	if err := s.within(ctx, checkByUser, ids.Format(v.User.ID)); err != nil {
		return err
	}
	f := v.r.PostForm
	if err := s.Access.ChangePassword(ctx, v.User.ID, f.Get("current_password"), f.Get("password"), v.Session.ID); err != nil {
		form, err := refused(err)
		if err != nil {
			return err
		}
		return s.accountPage(ctx, v, http.StatusUnprocessableEntity, view.AccountSettings{PasswordForm: form})
	}
	// The cookie changes with the password (SES-01).
	if _, err := s.begin(ctx, v, v.User.Email, f.Get("password")); err != nil {
		return err
	}
	return v.see(view.PathAccount + "?notice=password")
}

func pathID(v *visit) int64 { return httpio.PathID(chi.URLParam(v.r, "id")) }

func (s *Server) endSession(ctx context.Context, v *visit) error {
	if err := s.Access.EndSession(ctx, v.User.ID, access.SessionID(pathID(v))); err != nil {
		return err
	}
	return v.see(view.PathAccount + "?notice=session")
}

func (s *Server) apps(ctx context.Context, v *visit) error {
	frame, err := s.formFrame(ctx, v)
	if err != nil {
		return err
	}
	list, err := s.Access.AuthorizedApps(ctx, s.DB, v.User.ID)
	if err != nil {
		return err
	}
	p := view.Apps{Page: frame}
	for _, a := range list {
		p.Apps = append(p.Apps, view.AuthorizedApp{ID: ids.Format(a.ID), Name: a.Name, Website: a.Website, Scopes: a.Granted, CreatedAt: a.Since, LastUsedAt: a.LastUseAt})
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Apps(w, p) })
}

func (s *Server) revokeApp(ctx context.Context, v *visit) error {
	if err := s.Access.RevokeApp(ctx, v.User.ID, access.AppID(pathID(v))); err != nil {
		return err
	}
	return v.see(view.PathApps + "?notice=app")
}

func (s *Server) profileSettings(ctx context.Context, v *visit) error {
	a := v.Account
	return s.profilePage(ctx, v, http.StatusOK, view.ProfileSettings{DisplayName: a.DisplayName, Note: a.Note, Locked: a.Locked, Bot: a.Bot(), Discoverable: a.Discoverable,
		Indexable: a.Indexable, HideCollections: a.HideCollections, EmailSubscriptions: a.EmailSubscriptions})
}

func (s *Server) profilePage(ctx context.Context, v *visit, status int, p view.ProfileSettings) (err error) {
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	instance, err := s.Settings.Get(ctx, s.DB)
	if err != nil {
		return err
	}
	p.Mailable = instance.EmailSubscriptions
	p.MaxName, p.MaxNote, p.ProfileURL = accounts.MaxDisplayName, accounts.MaxNote, v.Account.URL
	if v.User.Staff() {
		p.PendingURL = view.PathPending
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.ProfileSettings(w, p) })
}

func (s *Server) saveProfile(ctx context.Context, v *visit) error {
	f := v.r.PostForm
	on := func(name string) bool { return f.Get(name) != "" }
	p := view.ProfileSettings{DisplayName: text.SanitizeName(f.Get("display_name")), Note: strings.TrimSpace(strings.ReplaceAll(f.Get("note"), "\r\n", "\n")), Locked: on("locked"), Bot: on("bot"),
		Discoverable: on("discoverable"), Indexable: on("indexable"), HideCollections: on("hide_collections"), EmailSubscriptions: on("email_subscriptions")}
	p.Errors = map[string]string{}
	if utf8.RuneCountInString(p.DisplayName) > accounts.MaxDisplayName {
		p.Errors["display_name"] = "Is too long."
	}
	if text.Count(p.Note, "") > accounts.MaxNote {
		p.Errors["note"] = "Is too long."
	}
	if len(p.Errors) > 0 {
		return s.profilePage(ctx, v, http.StatusUnprocessableEntity, p)
	}
	instance, err := s.Settings.Get(ctx, s.DB)
	if err != nil {
		return err
	}
	mails := &p.EmailSubscriptions
	if !instance.EmailSubscriptions {
		mails = nil // it was not asked
	}
	if _, err := s.Accounts.UpdateProfile(ctx, v.Account.ID, accounts.Profile{DisplayName: &p.DisplayName, Note: &p.Note, Locked: &p.Locked, Bot: &p.Bot, Discoverable: &p.Discoverable,
		Indexable: &p.Indexable, HideCollections: &p.HideCollections, EmailSubscriptions: mails}); err != nil {
		return err
	}
	return v.see(view.PathProfileSettings + "?notice=profile")
}

// pending shows who waits to be let in. Whoever may not see it is told that there is nothing.
func (s *Server) pending(ctx context.Context, v *visit) error {
	if !v.User.Staff() {
		return errs.NotFound()
	}
	frame, err := s.formFrame(ctx, v)
	if err != nil {
		return err
	}
	list, err := s.Access.Pending(ctx, s.DB, maxPending)
	if err != nil {
		return err
	}
	who := make([]accounts.ID, len(list))
	for i, u := range list {
		who[i] = u.AccountID
	}
	names, err := s.Accounts.ByIDs(ctx, s.DB, who)
	if err != nil {
		return err
	}
	p := view.Pending{Page: frame}
	for _, u := range list {
		if a := names[u.AccountID]; a != nil {
			p.People = append(p.People, view.Applicant{ID: ids.Format(u.ID), Username: a.Username, Email: u.Email, Reason: u.SignUpReason, IP: u.SignUpIP, CreatedAt: u.CreatedAt})
		}
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Pending(w, p) })
}

func (s *Server) decidePending(ctx context.Context, v *visit) error {
	if !v.User.Staff() {
		return errs.NotFound()
	}
	id := access.UserID(pathID(v))
	switch chi.URLParam(v.r, "decision") {
	case "approve":
		if err := s.Access.Approve(ctx, id); err != nil {
			return err
		}
		return v.see(view.PathPending + "?notice=approved")
	case "reject":
		if err := s.Access.Reject(ctx, id); err != nil {
			return err
		}
		return v.see(view.PathPending + "?notice=rejected")
	}
	return errs.NotFound()
}

// remoteAddr is the key by which a request's origin is counted.
func (s *Server) remoteAddr(r *http.Request) string { return limit.AddrKey(s.ClientAddr(r)) }
