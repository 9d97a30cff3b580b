package site

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/limit"
)

// How often somebody may try, as Mastodon counts.
var (
	signInByAddr  = limit.Rule{Name: "sign_in_addr", Limit: 25, Window: 5 * time.Minute}
	signInByEmail = limit.Rule{Name: "sign_in_email", Limit: 25, Window: time.Hour}
	signUpByAddr  = limit.Rule{Name: "sign_up_addr", Limit: 25, Window: 5 * time.Minute}
	mailByAddr    = limit.Rule{Name: "mail_addr", Limit: 25, Window: 5 * time.Minute}
	mailByEmail   = limit.Rule{Name: "mail_email", Limit: 5, Window: 30 * time.Minute}
	// checkByUser is for the present password asked for again by somebody who is signed in.
	checkByUser = limit.Rule{Name: "password_user", Limit: 10, Window: 10 * time.Minute}
)

// tries counts by where a request comes from and by the address it names.
func (s *Server) tries(ctx context.Context, r *http.Request, byAddr, byEmail limit.Rule, email string) error {
	if err := s.within(ctx, byAddr, s.remoteAddr(r)); err != nil {
		return err
	}
	return s.within(ctx, byEmail, strings.ToLower(strings.TrimSpace(email)))
}

// refused makes a form's words of a refusal; any other failure stays one.
func refused(err error) (view.Form, error) {
	var e *errs.Error
	if !errors.As(err, &e) || errs.KindOf(err) == errs.TooManyKind {
		return view.Form{}, err
	}
	f := view.Form{Errors: map[string]string{}}
	for attribute, list := range e.Details {
		if len(list) > 0 {
			d := list[0].Description
			f.Errors[attribute] = strings.ToUpper(d[:1]) + d[1:] + "."
		}
	}
	if len(f.Errors) == 0 {
		f.Message = e.Message
	}
	return f, nil
}

func (s *Server) showSignIn(ctx context.Context, v *visit) error {
	next := ownPath(v.r.URL.Query().Get("next"), "")
	if v.Visit != nil && v.r.URL.Query().Get("anew") == "" {
		return v.see(ownPath(next, view.PathLanding))
	}
	return s.signInPage(ctx, v, http.StatusOK, view.SignIn{Next: next})
}

func (s *Server) signInPage(ctx context.Context, v *visit, status int, p view.SignIn) (err error) {
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.SignIn(w, p) })
}

func (s *Server) signIn(ctx context.Context, v *visit) error {
	email, next := v.r.PostForm.Get("email"), ownPath(v.r.PostForm.Get("next"), "")
	if err := s.tries(ctx, v.r, signInByAddr, signInByEmail, email); err != nil {
		return err
	}
	u, err := s.begin(ctx, v, email, v.r.PostForm.Get("password"))
	switch {
	case errs.KindOf(err) == errs.ForbiddenKind && u != nil && !u.Confirmed():
		return s.signedUpPage(ctx, v, view.SignedUp{Email: u.Email, Approval: !u.Approved})
	case errs.KindOf(err) == errs.ForbiddenKind && u != nil && !u.Approved:
		return s.signedUpPage(ctx, v, view.SignedUp{Approval: true})
	case err != nil:
		f, err := refused(err)
		if err != nil {
			return err
		}
		return s.signInPage(ctx, v, http.StatusUnprocessableEntity, view.SignIn{Form: f, Email: email, Next: next})
	}
	return v.see(ownPath(next, view.PathLanding))
}

// begin signs a browser in: a new cookie, whatever it had before (SES-01).
func (s *Server) begin(ctx context.Context, v *visit, email, password string) (*access.User, error) {
	secret, u, err := s.Access.SignIn(ctx, email, password, access.Browser{Agent: v.r.UserAgent(), IP: s.ClientAddr(v.r), Old: s.cookie(v.r, sessionCookie)})
	if err != nil {
		return u, err
	}
	s.setCookie(v.w, sessionCookie, secret, access.SessionLife)
	s.setCookie(v.w, formCookie, "", -time.Second)
	return u, nil
}

func (s *Server) signOut(ctx context.Context, v *visit) error {
	if err := s.Access.SignOut(ctx, s.cookie(v.r, sessionCookie)); err != nil {
		return err
	}
	s.setCookie(v.w, sessionCookie, "", -time.Second)
	return v.see(view.PathSignIn + "?notice=out")
}

func (s *Server) rules(ctx context.Context) ([]view.Rule, error) {
	list, err := s.Settings.Rules(ctx, s.DB)
	out := make([]view.Rule, len(list))
	for i, r := range list {
		out[i] = view.Rule{Text: r.Text, Hint: r.Hint}
	}
	return out, err
}

func (s *Server) showSignUp(ctx context.Context, v *visit) error {
	if v.Visit != nil {
		return v.see(view.PathLanding)
	}
	return s.signUpPage(ctx, v, http.StatusOK, view.SignUp{Next: ownPath(v.r.URL.Query().Get("next"), "")})
}

func (s *Server) signUpPage(ctx context.Context, v *visit, status int, p view.SignUp) (err error) {
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	if p.Rules, err = s.rules(ctx); err != nil {
		return err
	}
	instance, err := s.Settings.Get(ctx, s.DB)
	if err != nil {
		return err
	}
	p.MinPassword, p.MinAge = access.MinPassword, instance.MinAge
	return s.show(v, status, func(w io.Writer) error { return s.pages.SignUp(w, p) })
}

func (s *Server) signedUpPage(ctx context.Context, v *visit, p view.SignedUp) (err error) {
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.SignedUp(w, p) })
}

func (s *Server) signUp(ctx context.Context, v *visit) error {
	if err := s.within(ctx, signUpByAddr, s.remoteAddr(v.r)); err != nil {
		return err
	}
	f := v.r.PostForm
	next := ownPath(f.Get("next"), "")
	if f.Get("website") != "" {
		// People do not see this field; what fills it in is told that all is well.
		return s.signedUpPage(ctx, v, view.SignedUp{Email: f.Get("email")})
	}
	born, _ := time.Parse(time.DateOnly, f.Get("date_of_birth")) // what is no date is asked for again
	u, err := s.Access.SignUp(ctx, access.NewUser{DateOfBirth: born, Username: strings.TrimSpace(f.Get("username")), Email: f.Get("email"), Password: f.Get("password"), Agreement: f.Get("agreement") != "",
		Reason: f.Get("reason"), Invite: f.Get("invite_code"), Locale: firstTag(v.r.Header.Get("Accept-Language")), IP: s.ClientAddr(v.r)})
	if err != nil {
		form, err := refused(err)
		if err != nil {
			return err
		}
		return s.signUpPage(ctx, v, http.StatusUnprocessableEntity, view.SignUp{Form: form, Invite: s.knownInvite(ctx, f.Get("invite_code")), Username: f.Get("username"), Email: f.Get("email"), Reason: f.Get("reason"),
			DateOfBirth: f.Get("date_of_birth"), Next: next})
	}
	if u.Functional() {
		if _, err := s.begin(ctx, v, u.Email, f.Get("password")); err != nil {
			return err
		}
		return v.see(ownPath(next, view.PathLanding))
	}
	p := view.SignedUp{Email: u.Email, Approval: !u.Approved}
	if u.Confirmed() {
		p.Email = ""
	}
	return s.signedUpPage(ctx, v, p)
}

// firstTag is the first language of a header, as it stands; the domain reads it.
func firstTag(header string) string {
	tag, _, _ := strings.Cut(header, ",")
	tag, _, _ = strings.Cut(tag, ";")
	return strings.TrimSpace(tag)
}

func (s *Server) confirm(ctx context.Context, v *visit) error {
	if err := s.within(ctx, mailByAddr, s.remoteAddr(v.r)); err != nil {
		return err
	}
	p := view.Confirmed{}
	u, err := s.Access.Confirm(ctx, v.r.URL.Query().Get("confirmation_token"))
	switch {
	case errs.KindOf(err) == errs.InvalidKind:
		p.Failed = true
	case err != nil:
		return err
	default:
		p.Waiting = !u.Approved
	}
	if p.Page, err = s.frame(ctx, v); err != nil {
		return err
	}
	return s.show(v, http.StatusOK, func(w io.Writer) error { return s.pages.Confirmed(w, p) })
}

func (s *Server) confirmAgain(ctx context.Context, v *visit) error {
	email := v.r.PostForm.Get("email")
	if err := s.tries(ctx, v.r, mailByAddr, mailByEmail, email); err != nil {
		return err
	}
	if err := s.Access.ResendConfirmation(ctx, email); err != nil {
		return err
	}
	return v.see(view.PathSignIn + "?notice=again")
}

func (s *Server) showForgot(ctx context.Context, v *visit) error {
	return s.forgotPage(ctx, v, http.StatusOK, view.ForgotPassword{})
}

func (s *Server) forgotPage(ctx context.Context, v *visit, status int, p view.ForgotPassword) (err error) {
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.ForgotPassword(w, p) })
}

func (s *Server) forgot(ctx context.Context, v *visit) error {
	email := v.r.PostForm.Get("email")
	if err := s.tries(ctx, v.r, mailByAddr, mailByEmail, email); err != nil {
		return err
	}
	if err := s.Access.RequestReset(ctx, email); err != nil {
		f, err := refused(err)
		if err != nil {
			return err
		}
		return s.forgotPage(ctx, v, http.StatusUnprocessableEntity, view.ForgotPassword{Form: f, Email: email})
	}
	return s.forgotPage(ctx, v, http.StatusOK, view.ForgotPassword{Email: email, Sent: true})
}

func (s *Server) showReset(ctx context.Context, v *visit) error {
	p := view.ResetPassword{Token: v.r.URL.Query().Get("reset_password_token")}
	if err := s.Access.CheckReset(ctx, p.Token); err != nil {
		f, err := refused(err)
		if err != nil {
			return err
		}
		return s.forgotPage(ctx, v, http.StatusUnprocessableEntity, view.ForgotPassword{Form: f})
	}
	return s.resetPage(ctx, v, http.StatusOK, p)
}

func (s *Server) resetPage(ctx context.Context, v *visit, status int, p view.ResetPassword) (err error) {
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	p.MinPassword = access.MinPassword
	return s.show(v, status, func(w io.Writer) error { return s.pages.ResetPassword(w, p) })
}

func (s *Server) reset(ctx context.Context, v *visit) error {
	if err := s.within(ctx, mailByAddr, s.remoteAddr(v.r)); err != nil {
		return err
	}
	token, password := v.r.PostForm.Get("reset_password_token"), v.r.PostForm.Get("password")
	u, err := s.Access.ResetPassword(ctx, token, password)
	if err != nil {
		f, err := refused(err)
		if err != nil {
			return err
		}
		return s.resetPage(ctx, v, http.StatusUnprocessableEntity, view.ResetPassword{Form: f, Token: token})
	}
	if _, err := s.begin(ctx, v, u.Email, password); errs.KindOf(err) == errs.ForbiddenKind {
		return v.see(view.PathSignIn + "?notice=reset") // somebody who still waits to be let in
	} else if err != nil {
		return err
	}
	return v.see(view.PathAccount + "?" + url.Values{"notice": {"password"}}.Encode())
}
