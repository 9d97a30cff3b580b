package entity

import (
	"context"
	"strconv"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// Quote is what a post quotes, for one viewer. QuotedStatus is null where State does not let it be shown.
type Quote struct {
	State        string  `json:"state"`
	QuotedStatus *Status `json:"quoted_status"`
}

// ShallowQuote is what a quoted post quotes in turn.
type ShallowQuote struct {
	State          string  `json:"state"`
	QuotedStatusID *string `json:"quoted_status_id"`
}

// QuoteApproval says who may quote a post: at once, or after its author was asked; and what is so for the viewer.
type QuoteApproval struct {
	Automatic   []string `json:"automatic"`
	Manual      []string `json:"manual"`
	CurrentUser string   `json:"current_user"`
}

func approval(p statuses.QuotePolicy, viewer string) QuoteApproval {
	return QuoteApproval{p.Automatic().Keys(), p.Manual().Keys(), viewer}
}

func shallow(u *statuses.Quote) *ShallowQuote {
	e := &ShallowQuote{State: u.State.String()}
	if u.State.Shows() {
		e.QuotedStatusID = idOrNil(u.QuotedStatusID)
	}
	return e
}

// quote renders what a post quotes; nil for nothing. A quoted post shows only that it quotes, and which.
func (v *view) quote(s *statuses.Status, inQuote bool) any {
	u := v.parts.Quotes[s.ID]
	if u == nil {
		return nil
	}
	if inQuote {
		return shallow(u)
	}
	e := &Quote{State: u.State.String()}
	if !u.State.Shows() {
		return e
	}
	if e.QuotedStatus = v.render(u.QuotedStatusID, true); e.QuotedStatus == nil {
		e.State = statuses.QuoteUnauthorized.String()
	}
	return e
}

// lookAtQuotes glances at what the posts of a page quote; nothing where nothing quotes.
func (p *page) lookAtQuotes(ctx context.Context, q db.Q) error {
	p.quotes = map[statuses.ID]*statuses.Quote{}
	for _, nested := range []bool{false, true} {
		var quoting, quoted []statuses.ID
		for id, g := range p.glances {
			if g.Quotes && p.quotes[id] == nil {
				quoting = append(quoting, id)
			}
		}
		found, err := p.Deps.Statuses.QuotesShown(ctx, q, p.viewer, quoting)
		if err != nil {
			return err
		}
		for id, u := range found {
			p.quotes[id] = u
			if u.State.Shows() && p.glances[u.QuotedStatusID] == nil {
				quoted = append(quoted, u.QuotedStatusID)
			}
		}
		if nested || len(quoted) == 0 {
			return nil
		}
		more, err := p.Deps.Statuses.Glance(ctx, q, p.viewer, quoted, false)
		if err != nil {
			return err
		}
		for id, g := range more {
			p.glances[id] = g
		}
	}
	return nil
}

// appendQuote appends what a post quotes, how often it is quoted, and who may.
func (p *page) appendQuote(out []byte, g *statuses.Glance, shows *statuses.Glance, in place) ([]byte, error) {
	out = strconv.AppendInt(append(out, `,"quotes_count":`...), shows.QuotesCount, 10)
	j, err := marshal(approval(shows.QuotePolicy, shows.QuotableBy(p.viewer)))
	if err != nil {
		return out, err
	}
	out = append(append(out, `,"quote_approval":`...), j...)
	u := p.quotes[g.ID]
	out = append(out, `,"quote":`...)
	switch {
	case u == nil:
		return append(out, "null"...), nil
	case in == inQuote:
		j, err := marshal(shallow(u))
		return append(out, j...), err
	}
	start := len(out)
	out = append(append(append(out, `{"state":"`...), u.State.String()...), `","quoted_status":`...)
	if !u.State.Shows() {
		return append(out, "null}"...), nil
	}
	out, ok, err := p.status(out, u.QuotedStatusID, inQuote)
	if err != nil {
		return out, err
	}
	if !ok { // gone since it was looked at
		return append(append(append(out[:start], `{"state":"`...), statuses.QuoteUnauthorized.String()...), `","quoted_status":null}`...), nil
	}
	return append(out, '}'), nil
}

// Withhold leaves the quoted post out that a post shows, and gives its author, or 0 where there was none to leave out: for those
// who may not see it, or do not want to.
func (s *Status) Withhold() accounts.ID {
	shown := s
	if s.Reblog != nil {
		shown = s.Reblog
	}
	u, ok := shown.Quote.(*Quote)
	if !ok || u.QuotedStatus == nil {
		return 0
	}
	id, _ := ids.Parse(u.QuotedStatus.Account.ID)
	shown.Quote = &Quote{State: statuses.QuoteUnauthorized.String()}
	return accounts.ID(id)
}
