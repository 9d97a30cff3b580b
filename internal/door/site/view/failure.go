package view

import (
	"io"
	"net/http"
)

// Failure is the page for a request that cannot be answered. It needs no store: Site may hold settings only.
type Failure struct {
	Page
	Status    int
	Message   string // a sentence for this very case; empty: the one for the status
	RequestID string // shown so that the person can name it to the admin
}

func (p Failure) head() head {
	return head{Title: p.Title(), Description: p.Explanation(), NoIndex: true, Card: true}
}

// Failure writes the page of a failure; sending the status is the caller's.
func (r *Renderer) Failure(w io.Writer, p Failure) error { return r.render(w, "failure", &p) }

// Title names what happened.
func (p *Failure) Title() string {
	title, _ := failureWords(p.Status)
	return title
}

// Explanation says what it means and what to do.
func (p *Failure) Explanation() string {
	if p.Message != "" {
		return p.Message
	}
	_, explanation := failureWords(p.Status)
	return explanation
}

// Retry reports whether trying the same again may help.
func (p *Failure) Retry() bool { return p.Status == http.StatusTooManyRequests || p.Status >= 500 }

func failureWords(status int) (title, explanation string) {
	switch status {
	case http.StatusBadRequest:
		return "That request made no sense", "Something in the address or the form was incomplete. Go back and try once more."
	case http.StatusUnauthorized:
		return "Please sign in", "This page is for people who are signed in."
	case http.StatusForbidden:
		return "Not for you", "You are not allowed to see this page or do this."
	case http.StatusNotFound:
		return "Nothing here", "The page was removed, or there never was one at this address."
	case http.StatusMethodNotAllowed:
		return "Not like this", "This address does not take that kind of request."
	case http.StatusNotAcceptable:
		return "Not in that format", "This page does not exist in the format that was asked for."
	case http.StatusGone:
		return "Gone for good", "What was here has been deleted and will not come back."
	case http.StatusUnprocessableEntity:
		return "That did not go through", "The form may have been open for too long, or cookies are off. Load it again and send it once more."
	case http.StatusTooManyRequests:
		return "Slow down a little", "There were too many requests from your network. Wait a few minutes, then try again."
	case http.StatusServiceUnavailable:
		return "Back in a moment", "The server is busy or being looked after. Try again in a minute."
	}
	if status >= 400 && status < 500 {
		return "That did not work", "The server cannot answer this request."
	}
	return "Something broke on our side", "It is not your fault. The failure was written down for the people who run this server."
}
