package view

import "io"

// SubscribeState is what the page of subscriptions by mail says.
type SubscribeState string

// The states: the form, its answer, behind the link in the mail that asks, behind the one that ends it, its answer, and behind links that do not work.
const (
	SubscribeAsk       SubscribeState = "ask"
	SubscribeSent      SubscribeState = "sent"
	SubscribeConfirmed SubscribeState = "confirmed"
	SubscribeEnd       SubscribeState = "end"
	SubscribeEnded     SubscribeState = "ended"
	SubscribeFailed    SubscribeState = "failed"
)

// Subscribe is the page of those who have somebody's posts sent by mail, from asking for them to ending it.
type Subscribe struct {
	Page
	Form
	State   SubscribeState
	Account Account
	Email   string
	EndURL  string
}

func (p Subscribe) head() head { return card(p.Site, "Posts by e-mail", PathSubscribe) }

// Subscribe writes the page.
func (r *Renderer) Subscribe(w io.Writer, p Subscribe) error { return r.render(w, "subscribe", &p) }
