package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/domain/instances"
)

type domainsCmd struct {
	List    domainsListCmd    `cmd:"" default:"withargs" help:"List what was decided about other servers."`
	Block   domainsBlockCmd   `cmd:"" help:"Suspend, silence or restrict a domain and everything below it."`
	Unblock domainsUnblockCmd `cmd:"" help:"Take a decision back. Ties that it ended do not come back."`
	Import  domainsImportCmd  `cmd:"" help:"Read decisions from a CSV file as Mastodon writes it."`
	Export  domainsExportCmd  `cmd:"" help:"Write all decisions as a CSV file that Mastodon reads."`
	// In limited federation mode, which exchanges nothing with others.
	Allow    domainsAllowCmd    `cmd:"" help:"Allow domains and everything below them, in limited federation mode."`
	Disallow domainsDisallowCmd `cmd:"" help:"Take that back."`
	Allowed  domainsAllowedCmd  `cmd:"" help:"List the domains that are allowed."`
}

// blockInfo is a decision as it is printed.
type blockInfo struct {
	Domain         string `json:"domain"`
	Severity       string `json:"severity"`
	RejectMedia    bool   `json:"reject_media"`
	RejectReports  bool   `json:"reject_reports"`
	PublicComment  string `json:"public_comment"`
	PrivateComment string `json:"private_comment"`
	Obfuscate      bool   `json:"obfuscate"`
}

type domainsListCmd struct {
	JSON bool `name:"json" help:"Print JSON, one domain a line."`
}

// Run lists the decisions.
func (c *domainsListCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		list, err := a.Instances.Blocks(e.ctx, a.DB)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(e.out, 2, 4, 2, ' ', 0)
		if !c.JSON {
			_, _ = fmt.Fprintln(w, "DOMAIN\tSEVERITY\tREJECT MEDIA\tREJECT REPORTS\tCOMMENT")
		}
		for _, b := range list {
			if c.JSON {
				err = json.NewEncoder(e.out).Encode(blockInfo{b.Domain, b.Severity, b.RejectMedia, b.RejectReports, b.PublicComment, b.PrivateComment, b.Obfuscate})
			} else {
				_, err = fmt.Fprintf(w, "%s\t%s\t%v\t%v\t%s\n", b.Domain, b.Severity, b.RejectMedia, b.RejectReports, orDash(b.PublicComment))
			}
			if err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

type domainsBlockCmd struct {
	Domain         string `arg:"" help:"The domain; everything below it is meant too."`
	Severity       string `enum:"suspend,silence,noop" default:"suspend" help:"suspend (nothing is exchanged), silence (seen by followers alone), or noop (only what the other flags say)."`
	RejectMedia    bool   `help:"Show no files from there."`
	RejectReports  bool   `help:"Take no reports from there."`
	PublicComment  string `help:"Why, for everybody."`
	PrivateComment string `help:"Why, for the staff."`
	Obfuscate      bool   `help:"Hide half of the name in the public list."`
}

// Run blocks a domain.
func (c *domainsBlockCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		if own, err := instances.Normal(c.Domain); err == nil && a.Site.IsLocalDomain(own) {
			return errors.New("that is this server itself")
		}
		return a.Instances.Block(e.ctx, instances.Block{Domain: c.Domain, Severity: c.Severity, RejectMedia: c.RejectMedia, RejectReports: c.RejectReports,
			PublicComment: c.PublicComment, PrivateComment: c.PrivateComment, Obfuscate: c.Obfuscate})
	})
}

type domainsUnblockCmd struct {
	Domain string `arg:"" help:"The domain as it is listed."`
}

// Run takes a decision back.
func (c *domainsUnblockCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		found, err := a.Instances.Unblock(e.ctx, c.Domain)
		if err == nil && !found {
			err = fmt.Errorf("nothing was decided about %s itself", c.Domain)
		}
		return err
	})
}

// blockColumns are the columns of Mastodon's file.
var blockColumns = []string{"#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate"}

type domainsExportCmd struct{}

// Run writes the decisions.
func (*domainsExportCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		list, err := a.Instances.Blocks(e.ctx, a.DB)
		if err != nil {
			return err
		}
		w := csv.NewWriter(e.out)
		rows := [][]string{blockColumns}
		for _, b := range list {
			rows = append(rows, []string{b.Domain, b.Severity, strconv.FormatBool(b.RejectMedia), strconv.FormatBool(b.RejectReports), b.PublicComment, strconv.FormatBool(b.Obfuscate)})
		}
		return w.WriteAll(rows)
	})
}

type domainsImportCmd struct {
	File string `arg:"" help:"The file, or - for standard input. Without a header, its first column is domains to suspend."`
}

// Run reads decisions. Lines that make no sense are told and left out; the others count.
func (c *domainsImportCmd) Run(e *env) error {
	in, err := input(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	rows := csv.NewReader(in)
	rows.FieldsPerRecord, rows.TrimLeadingSpace, rows.LazyQuotes = -1, true, true
	list, err := rows.ReadAll()
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	return e.command(func(a *app.App) error { return importBlocks(e, a, list) })
}

func importBlocks(e *env, a *app.App, rows [][]string) error {
	column := map[string]int{"domain": 0}
	if len(rows) > 0 && len(rows[0]) > 0 && strings.EqualFold(strings.TrimPrefix(strings.TrimPrefix(rows[0][0], "\ufeff"), "#"), "domain") {
		for i, name := range rows[0] {
			column[strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(name, "\ufeff"), "#"))] = i
		}
		rows = rows[1:]
	}
	done := 0
	for _, row := range rows {
		field := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		yes := func(name string) bool { v, _ := strconv.ParseBool(strings.ToLower(field(name))); return v }
		b := instances.Block{Domain: field("domain"), Severity: strings.ToLower(field("severity")), RejectMedia: yes("reject_media"), RejectReports: yes("reject_reports"),
			PublicComment: field("public_comment"), PrivateComment: field("private_comment"), Obfuscate: yes("obfuscate")}
		if b.Severity == "" {
			b.Severity = instances.Suspend
		}
		if own, err := instances.Normal(b.Domain); err == nil && a.Site.IsLocalDomain(own) {
			_, _ = fmt.Fprintf(e.err, "left out %s: that is this server itself\n", b.Domain)
			continue
		}
		if err := a.Instances.Block(e.ctx, b); err != nil {
			_, _ = fmt.Fprintf(e.err, "left out %q: %v\n", b.Domain, err)
			continue
		}
		done++
	}
	_, err := fmt.Fprintf(e.out, "%d domains\n", done)
	return err
}
