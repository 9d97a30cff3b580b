package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
)

type mediaCostCmd struct {
	JSON             bool    `name:"json" help:"Print JSON."`
	WritesPer1000    float64 `name:"writes-per-1000" default:"0" placeholder:"PRICE" help:"The price of a thousand requests that write or list."`
	ReadsPer1000     float64 `name:"reads-per-1000" default:"0" placeholder:"PRICE" help:"The price of a thousand requests that read."`
	OutPerGB         float64 `name:"out-per-gb" default:"0" placeholder:"PRICE" help:"The price of a gigabyte (10⁹ bytes) that leaves the provider."`
	StoredPerGBMonth float64 `name:"stored-per-gb-month" default:"0" placeholder:"PRICE" help:"The price of a gigabyte that is kept for a month."`
	StoredGB         float64 `name:"stored-gb" default:"-1" placeholder:"N" help:"How many gigabytes are kept. Default: it lists the bucket, which is a request that writes a thousand files."`
}

// Run tells what was asked of the S3 server in the last 30 days, and what that costs.
func (c *mediaCostCmd) Run(e *env) error {
	if !e.config.S3() {
		return errors.New("files are in a folder, which costs nothing by the request (S3_ENABLED)")
	}
	prices := app.Prices{Write: c.WritesPer1000, Read: c.ReadsPer1000, Out: c.OutPerGB, Stored: c.StoredPerGBMonth}
	return e.command(func(a *app.App) error {
		stored := int64(c.StoredGB * 1e9)
		if c.StoredGB < 0 {
			_, sum, err := addUp(e, a)
			if err != nil {
				return err
			}
			stored = sum.Bytes
		}
		cost, err := a.Cost(e.ctx, prices, stored)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(e.out).Encode(cost)
		}
		return printCost(e, cost, prices)
	})
}

func printCost(e *env, cost app.Cost, prices app.Prices) error {
	w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "WHAT\tCOUNTED\tPRICE\tA MONTH\t")
	for _, l := range cost.Lines {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%.4f\t%.2f\t\n", l.What, l.Counted, l.Price, l.Month)
	}
	_, _ = fmt.Fprintf(w, "together\t\t\t%.2f\t\n", cost.Month)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, "\nCounted in %.1f days since %s; a month has 30. What people fetch from the provider without this server in between (S3_HOSTNAME, S3_ALIAS_HOST) is not seen here.\n",
		cost.Days, cost.Since.Format(dayLayout))
	if err == nil && prices == (app.Prices{}) {
		_, err = fmt.Fprintln(e.out, "No price was named: give those of your provider, as in --writes-per-1000 0.005 --reads-per-1000 0.0004 --out-per-gb 0.09 --stored-per-gb-month 0.023")
	}
	return err
}
