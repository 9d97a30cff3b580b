package entity

import (
	"context"
	"strconv"

	"github.com/gomph/gomph/internal/domain/accounts"
	"github.com/gomph/gomph/internal/domain/annual"
	"github.com/gomph/gomph/internal/domain/statuses"
	"github.com/gomph/gomph/internal/kit/db"
	"github.com/gomph/gomph/internal/kit/ids"
)

// AnnualReport is what somebody did in a year.
type AnnualReport struct {
	Year          int        `json:"year"`
	Data          AnnualData `json:"data"`
	SchemaVersion int        `json:"schema_version"`
	// ShareURL is a page for everybody who has its address; null for a report that has none.
	ShareURL  *string `json:"share_url"`
	AccountID string  `json:"account_id"`
}

// AnnualData is what a report says. The lists have one member at most (Mastodon 4.6).
type AnnualData struct {
	Archetype   string          `json:"archetype"`
	TopStatuses AnnualTop       `json:"top_statuses"`
	TimeSeries  []AnnualMonth   `json:"time_series"`
	TopHashtags []AnnualHashtag `json:"top_hashtags"`
}

// AnnualTop names posts; the last two are no longer told.
type AnnualTop struct {
	ByReblogs    *string `json:"by_reblogs"`
	ByReplies    *string `json:"by_replies"`
	ByFavourites *string `json:"by_favourites"`
}

// AnnualMonth is what came in the year until the end of a month.
type AnnualMonth struct {
	Month     int   `json:"month"`
	Statuses  int64 `json:"statuses"`
	Followers int64 `json:"followers"`
}

// AnnualHashtag is one that was used, and how often.
type AnnualHashtag struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

func annualData(d annual.Data) AnnualData {
	out := AnnualData{Archetype: d.Archetype, TimeSeries: []AnnualMonth{{Month: 12, Statuses: d.Statuses, Followers: d.Followers}}, TopHashtags: []AnnualHashtag{}}
	if d.MostReblogged != 0 {
		out.TopStatuses.ByReblogs = new(ids.Format(d.MostReblogged))
	}
	if d.Hashtag != "" {
		out.TopHashtags = append(out.TopHashtags, AnnualHashtag{d.Hashtag, d.HashtagUses})
	}
	return out
}

// AnnualReportEvent is that a report is there.
type AnnualReportEvent struct {
	Year int `json:"year"`
}

// AnnualReports are reports with what they name.
type AnnualReports struct {
	AnnualReports []AnnualReport `json:"annual_reports"`
	Accounts      []*Account     `json:"accounts"`
	Statuses      []*Status      `json:"statuses"`
}

// AnnualReports renders reports for whom they are about.
func (r *Renderer) AnnualReports(ctx context.Context, q db.Q, me accounts.ID, list []*annual.Report) (out AnnualReports, err error) {
	out = AnnualReports{AnnualReports: []AnnualReport{}, Accounts: []*Account{}, Statuses: []*Status{}}
	if len(list) == 0 {
		return out, nil
	}
	if out.Accounts, err = r.AccountList(ctx, q, []accounts.ID{me}); err != nil || len(out.Accounts) == 0 {
		return out, err
	}
	var posts []statuses.ID
	for _, x := range list {
		one := AnnualReport{Year: x.Year, Data: annualData(x.Data), SchemaVersion: x.Version, AccountID: ids.Format(x.AccountID)}
		if x.ShareKey != "" {
			one.ShareURL = new(r.Site.ProfileURL(out.Accounts[0].Username) + "/wrapstodon/" + strconv.Itoa(x.Year) + "/" + x.ShareKey)
		}
		out.AnnualReports = append(out.AnnualReports, one)
		if x.Data.MostReblogged != 0 {
			posts = append(posts, x.Data.MostReblogged)
		}
	}
	out.Statuses, err = r.Statuses(ctx, q, me, posts, "")
	return out, err
}
