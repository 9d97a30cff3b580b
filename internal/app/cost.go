package app

import (
	"context"
	"fmt"
	"time"

	"github.com/gomph/gomph/internal/kit/blob/s3"
)

// costDays is how many days are looked back, and how many a month has.
const costDays = 30

// Prices are a provider's, in whatever money: of a thousand requests that write (or list) or read, of a gigabyte (10⁹ bytes) that leaves it,
// and of one that is kept for a month.
type Prices struct{ Write, Read, Out, Stored float64 }

// CostLine is one part of a cost: what, how much of it was counted, the price of a unit, and what a month costs.
type CostLine struct {
	What    string  `json:"what"`
	Counted string  `json:"counted"`
	Price   float64 `json:"price"`
	Month   float64 `json:"month"`
}

// Cost is what an S3 server costs (requirement F3). Requests and traffic of Days days since Since are taken for a month of 30.
type Cost struct {
	Since time.Time  `json:"since"`
	Days  float64    `json:"days"`
	Lines []CostLine `json:"lines"`
	// Counted is what the requests and the traffic of these days cost, Month what a month does, with what is kept.
	Counted float64 `json:"counted"`
	Month   float64 `json:"month"`
}

// Cost reckons from what was asked in the last 30 days, and the bytes that are stored.
func (a *App) Cost(ctx context.Context, p Prices, stored int64) (Cost, error) {
	a.flushUsage()
	now := a.Clock.Now()
	sums, first, err := a.Media.Usage(ctx, a.DB, now.AddDate(0, 0, -costDays+1))
	if err != nil {
		return Cost{}, err
	}
	c := Cost{Since: first, Days: now.Sub(first).Hours() / 24}
	if first.IsZero() {
		c.Since, c.Days = now, 0
	}
	month := 1.0
	if c.Days > 0 {
		month = costDays / c.Days
	}
	var in int64
	for _, u := range sums {
		in += u.In
	}
	line := func(what, counted string, price, units, times float64) {
		c.Lines = append(c.Lines, CostLine{what, counted, price, price * units * times})
		c.Month += price * units * times
	}
	requests := func(what, class string, price float64) {
		n := float64(sums[class].Requests)
		line(what, fmt.Sprintf("%.0f requests", n), price, n/1000, month)
		c.Counted += price * n / 1000
	}
	requests("writing and listing", s3.ClassWrite, p.Write)
	requests("reading", s3.ClassRead, p.Read)
	requests("deleting", s3.ClassDelete, 0) // free everywhere
	line("leaving", gigabytes(in), p.Out, float64(in)/1e9, month)
	c.Counted += p.Out * float64(in) / 1e9
	line("kept", gigabytes(stored), p.Stored, float64(stored)/1e9, 1)
	return c, nil
}

func gigabytes(n int64) string { return fmt.Sprintf("%.3f GB", float64(n)/1e9) }
