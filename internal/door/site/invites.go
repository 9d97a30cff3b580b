package site

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/gomph/gomph/internal/domain/access"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
	"github.com/gomph/gomph/internal/kit/httpio"
	"github.com/gomph/gomph/internal/kit/ids"
)

// lifeLabels are the lives of access.InviteLives in words.
var lifeLabels = []string{"30 minutes", "1 hour", "6 hours", "12 hours", "1 day", "1 week", "no end"}

// acceptInvite shows the sign-up page to whoever was invited; an app that asks for JSON learns where to sign up by the invitation.
func (s *Server) acceptInvite(ctx context.Context, v *visit) error {
	if err := s.within(ctx, signUpByAddr, s.remoteAddr(v.r)); err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "private, no-store")
	code := chi.URLParam(v.r, "code")
	i, err := s.Access.InviteByCode(ctx, s.DB, code)
	if wantsJSON(v.r) {
		if errors.Is(err, access.ErrInvite) {
			return httpio.JSON(v.w, http.StatusUnauthorized, httpio.ErrorBody{Error: access.ErrInvite.Message})
		}
		if err != nil {
			return err
		}
		return httpio.JSON(v.w, http.StatusOK, struct {
			Code string `json:"invite_code"`
			API  string `json:"instance_api_url"`
		}{i.Code, s.Site.URL("/api/v2/instance")})
	}
	switch {
	case errors.Is(err, access.ErrInvite):
		return errs.New(errs.GoneKind, "")
	case err != nil:
		return err
	case v.Visit != nil:
		return v.see(view.PathLanding)
	}
	return s.signUpPage(ctx, v, http.StatusOK, view.SignUp{Invite: i.Code})
}

// knownInvite is a code that still lets people in; empty for any other.
func (s *Server) knownInvite(ctx context.Context, code string) string {
	if i, err := s.Access.InviteByCode(ctx, s.DB, code); code != "" && err == nil {
		return i.Code
	}
	return ""
}

func (s *Server) invites(ctx context.Context, v *visit) error {
	return s.invitesPage(ctx, v, http.StatusOK, view.Form{})
}

func (s *Server) invitesPage(ctx context.Context, v *visit, status int, form view.Form) error {
	list, err := s.Access.Invites(ctx, s.DB, v.User.ID)
	if err != nil {
		return err
	}
	p := view.Invites{Form: form}
	if p.Page, err = s.formFrame(ctx, v); err != nil {
		return err
	}
	for i, life := range access.InviteLives {
		p.Lives = append(p.Lives, view.Choice{Value: int64(life / time.Second), Label: lifeLabels[i]})
	}
	for _, n := range access.InviteUses {
		label := strconv.FormatInt(n, 10)
		if n == 0 {
			label = "as many as like"
		}
		p.Uses = append(p.Uses, view.Choice{Value: n, Label: label})
	}
	now := s.Clock.Now()
	for _, i := range list {
		p.Invites = append(p.Invites, view.Invite{ID: ids.Format(i.ID), URL: s.Site.URL("/invite/" + i.Code), Uses: i.Uses, MaxUses: i.MaxUses, ExpiresAt: i.ExpiresAt, Open: i.Open(now)})
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.Invites(w, p) })
}

func (s *Server) makeInvite(ctx context.Context, v *visit) error {
	f := v.r.PostForm
	life, err1 := strconv.ParseInt(f.Get("expires_in"), 10, 32)
	uses, err2 := strconv.ParseInt(f.Get("max_uses"), 10, 32)
	if err1 != nil || err2 != nil {
		return s.invitesPage(ctx, v, http.StatusUnprocessableEntity, view.Form{Message: "Choose one of the values."})
	}
	if _, err := s.Access.Invite(ctx, v.User.ID, time.Duration(life)*time.Second, uses, f.Get("autofollow") != ""); err != nil {
		form, err := refused(err)
		if err != nil {
			return err
		}
		return s.invitesPage(ctx, v, http.StatusUnprocessableEntity, form)
	}
	return v.see(view.PathInvites)
}

func (s *Server) revokeInvite(ctx context.Context, v *visit) error {
	if err := s.Access.RevokeInvite(ctx, v.User.ID, pathID(v)); err != nil {
		return err
	}
	return v.see(view.PathInvites)
}
