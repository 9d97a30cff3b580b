package site

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/door/site/view"
	"github.com/gomph/gomph/internal/kit/errs"
)

// subscribeURL is where a visitor subscribes to somebody's posts by mail; empty where nobody can.
func (s *Server) subscribeURL(ctx context.Context, v *visit, a *accounts.Account) (string, error) {
	if v.Visit != nil || s.Subscriptions == nil {
		return "", nil
	}
	open, err := s.Subscriptions.Open(ctx, s.DB, a)
	if err != nil || !open {
		return "", err
	}
	return view.PathSubscribe + "?" + url.Values{"acct": {a.Username}}.Encode(), nil
}

// openAccount is an account that people may subscribe to.
func (s *Server) openAccount(ctx context.Context, acct string) (*accounts.Account, error) {
	a, err := s.local(ctx, strings.TrimPrefix(acct, "@"))
	if err != nil {
		return nil, err
	}
	open, err := s.Subscriptions.Open(ctx, s.DB, a)
	if err == nil && !open {
		err = errs.NotFound()
	}
	return a, err
}

func (s *Server) showSubscribe(ctx context.Context, v *visit) error {
	a, err := s.openAccount(ctx, v.r.URL.Query().Get("acct"))
	if err != nil {
		return err
	}
	return s.subscribePage(ctx, v, http.StatusOK, a, view.Subscribe{State: view.SubscribeAsk})
}

func (s *Server) subscribePage(ctx context.Context, v *visit, status int, a *accounts.Account, p view.Subscribe) (err error) {
	if p.State == view.SubscribeAsk || p.State == view.SubscribeEnd {
		p.Page, err = s.formFrame(ctx, v)
	} else {
		p.Page, err = s.frame(ctx, v)
	}
	if err != nil {
		return err
	}
	if a != nil {
		p.Account = s.showAccount(a)
	}
	return s.show(v, status, func(w io.Writer) error { return s.pages.Subscribe(w, p) })
}

func (s *Server) subscribe(ctx context.Context, v *visit) error {
	email := v.r.PostForm.Get("email")
	a, err := s.openAccount(ctx, v.r.PostForm.Get("acct"))
	if err != nil {
		return err
	}
	if err := s.tries(ctx, v.r, mailByAddr, mailByEmail, email); err != nil {
		return err
	}
	p := view.Subscribe{State: view.SubscribeSent, Email: strings.TrimSpace(email)}
	status := http.StatusOK
	if err := s.Subscriptions.Ask(ctx, a.ID, email); err != nil {
		if p.Form, err = refused(err); err != nil {
			return err
		}
		p.State, status = view.SubscribeAsk, http.StatusUnprocessableEntity
	}
	return s.subscribePage(ctx, v, status, a, p)
}

func (s *Server) confirmSubscription(ctx context.Context, v *visit) error {
	if err := s.within(ctx, mailByAddr, s.remoteAddr(v.r)); err != nil {
		return err
	}
	sub, err := s.Subscriptions.Confirm(ctx, v.r.URL.Query().Get("confirmation_token"))
	return s.behindLink(ctx, v, sub, err, view.Subscribe{State: view.SubscribeConfirmed})
}

// behindLink shows what the link of a mail leads to, if it leads to a subscription.
func (s *Server) behindLink(ctx context.Context, v *visit, sub *subscriptions.Subscription, err error, p view.Subscribe) error {
	if errs.IsNotFound(err) {
		return s.subscribePage(ctx, v, http.StatusOK, nil, view.Subscribe{State: view.SubscribeFailed})
	}
	if err != nil {
		return err
	}
	a, err := s.Accounts.ByID(ctx, s.DB, sub.AccountID)
	if err != nil {
		return err
	}
	p.Email = sub.Email
	return s.subscribePage(ctx, v, http.StatusOK, a, p)
}

// showUnsubscribe asks: programs that look into mails follow links.
func (s *Server) showUnsubscribe(ctx context.Context, v *visit) error {
	token := v.r.URL.Query().Get("token")
	sub, err := s.Subscriptions.ByToken(ctx, s.DB, token)
	return s.behindLink(ctx, v, sub, err, view.Subscribe{State: view.SubscribeEnd, EndURL: view.PathUnsubscribe + "?" + url.Values{"token": {token}}.Encode()})
}

// unsubscribe ends a subscription. Programs for mail send it, too (RFC 8058), so that it asks for no form of ours: whoever has the token may.
func (s *Server) unsubscribe(ctx context.Context, v *visit) error {
	if err := s.Subscriptions.End(ctx, v.r.URL.Query().Get("token")); err != nil {
		return err
	}
	return s.subscribePage(ctx, v, http.StatusOK, nil, view.Subscribe{State: view.SubscribeEnded})
}
