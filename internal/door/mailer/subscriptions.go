package mailer

import (
	"context"
	"net/url"
	"strings"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/domain/subscriptions"
	"github.com/gomph/gomph/internal/kit/jobs"
	"github.com/gomph/gomph/internal/kit/mail"
	"github.com/gomph/gomph/internal/kit/text"
)

// maxMailed is how many posts one mail has, the newest.
const maxMailed = 10

// subscriber finds a subscription and whose posts it is about.
func (m *Mailer) subscriber(ctx context.Context, id subscriptions.ID) (*subscriptions.Subscription, *accounts.Account, error) {
	v, err := m.Subscriptions.ByID(ctx, m.DB, id)
	if err != nil {
		return nil, nil, err
	}
	a, err := m.Accounts.ByID(ctx, m.DB, v.AccountID)
	return v, a, err
}

// AskSubscriber asks the owner of an address whether it was they who want somebody's posts.
func (m *Mailer) AskSubscriber(ctx context.Context, e subscriptions.Asked) error {
	v, a, err := m.subscriber(ctx, e.SubscriptionID)
	if err != nil {
		return ignoreGone(err)
	}
	token, err := m.Subscriptions.Mint(ctx, v.ID)
	if err != nil {
		return ignoreGone(err)
	}
	return m.toSubscriber(ctx, v, "Do you want the posts of "+nameOf(a)+" by e-mail?", []string{
		"Hello,",
		"somebody, you we hope, asked for the posts of " + nameOf(a) + " (@" + a.Username + "@" + m.Site.LocalDomain + ") to be sent to this address. Follow this link if you want that:",
		m.link("/email_subscriptions/confirmation", "confirmation_token", token),
		"If it was not you, do nothing: without the link nothing comes.",
	})
}

// Written sends new posts to a subscriber. Those that are gone by then are left out, and with all gone there is no mail.
func (m *Mailer) Written(ctx context.Context, e subscriptions.Written) error {
	v, a, err := m.subscriber(ctx, e.SubscriptionID)
	if err != nil {
		return ignoreGone(err)
	}
	if open, err := m.Subscriptions.Open(ctx, m.DB, a); err != nil || !open {
		return err
	}
	list, err := m.Statuses.ToMail(ctx, m.DB, v.AccountID, e.After, e.UpTo, maxMailed)
	if err != nil || len(list) == 0 {
		return err
	}
	found, err := m.Statuses.Shown(ctx, m.DB, list)
	if err != nil || len(found) == 0 {
		return err
	}
	subject := "A new post by " + nameOf(a)
	if len(found) > 1 {
		subject = "New posts by " + nameOf(a)
	}
	var paragraphs []string
	for _, st := range found {
		paragraphs = append(paragraphs, words(st), st.URL)
	}
	return m.toSubscriber(ctx, v, subject, paragraphs)
}

// words are what a mail shows of a post: behind a warning only that.
func words(st *statuses.Status) string {
	if st.SpoilerText != "" {
		return "[" + oneLine(st.SpoilerText) + "]"
	}
	if plain := strings.TrimSpace(text.Plain(st.Content)); plain != "" {
		return plain
	}
	return "[a picture]"
}

func nameOf(a *accounts.Account) string { return oneLine(a.Name()) }

// toSubscriber writes to somebody who may have no account here. Programs for mail can end the subscription by themselves (RFC 8058).
func (m *Mailer) toSubscriber(ctx context.Context, v *subscriptions.Subscription, subject string, paragraphs []string) error {
	instance, err := m.Settings.Get(ctx, m.DB)
	if err != nil {
		return err
	}
	end := m.Site.URL("/email_subscriptions/unsubscribe?" + url.Values{"token": {v.Token}}.Encode())
	body := strings.Join(paragraphs, "\n\n") + "\n\n-- \n" + oneLine(instance.Title) + "\n" + m.Site.Base() + "/\n\nNo more of these mails: " + end + "\n"
	err = m.Sender.Send(ctx, mail.Message{To: v.Email, Subject: subject, Text: body, Headers: map[string]string{
		"List-Unsubscribe": "<" + end + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Precedence": "list",
	}})
	if err != nil && mail.IsPermanent(err) {
		return jobs.Dead(err)
	}
	return err
}
