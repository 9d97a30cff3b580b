package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/config"
)

type setupCmd struct {
	File string `default:"gomph.env" placeholder:"FILE" help:"Where the settings go; it must not be there yet."`
}

// question asks for a setting.
type question struct {
	name, ask string
	// otherwise is the answer of whoever says nothing; "" leaves the setting out, which must not be for one that is needed.
	otherwise           string
	secret, must, yesNo bool
	// settled says that otherwise is the answer, without a question.
	settled bool
	// when says whether it is asked after what was answered so far; nil for always.
	when func(lines map[string]string) bool
}

// stage is a few questions that belong together, and what is tried with the answers.
type stage struct {
	title string
	ask   []question
	try   func(context.Context, *config.Config, map[string]string) error
}

// mailTo is no setting, but an address that a mail is sent to at once.
const mailTo = "to"

func inBucket(lines map[string]string) bool { return lines["S3_ENABLED"] == "true" }
func byMail(lines map[string]string) bool   { return lines["SMTP_SERVER"] != "" }

// stages are all there are, in their order.
func stages() []stage {
	return []stage{
		{"Names", []question{
			{name: "LOCAL_DOMAIN", ask: "The domain in people's handles, like social.example. It can never change later", must: true},
			{name: "WEB_DOMAIN", ask: "The host that serves, if it is another one"},
		}, nil},
		{"Database", []question{
			{name: "GOMPH_DATA", ask: "The folder for what this host keeps", otherwise: "./data"},
			{name: "DATABASE_URL", ask: "A PostgreSQL, like postgres://user:password@host/name; nothing for SQLite in the folder", secret: true},
		}, func(ctx context.Context, c *config.Config, _ map[string]string) error { return app.TryDatabase(ctx, c) }},
		{"Live messages", []question{
			{name: "REDIS_URL", ask: "A Redis or Valkey, like redis://host:6379, if several processes shall run; nothing for one process", secret: true,
				when: func(lines map[string]string) bool { return lines["DATABASE_URL"] != "" }},
		}, func(ctx context.Context, c *config.Config, _ map[string]string) error { return app.TryRedis(ctx, c) }},
		{"Pictures, video and sound", []question{
			{name: "S3_ENABLED", ask: "Are they kept in a bucket (S3)? If not, they are in the folder, and can move later", otherwise: "false", yesNo: true},
			{name: "S3_ENDPOINT", ask: "The server with the bucket, like https://s3.example.com", must: true, when: inBucket},
			{name: "S3_REGION", ask: "Its region", otherwise: "us-east-1", when: inBucket},
			{name: "S3_BUCKET", ask: "The bucket", must: true, when: inBucket},
			{name: "S3_OVERRIDE_PATH_STYLE", ask: "Is the bucket a host of its own, BUCKET.HOST?", otherwise: "false", yesNo: true, when: inBucket},
			{name: "AWS_ACCESS_KEY_ID", ask: "The id of the key to it", must: true, when: inBucket},
			{name: "AWS_SECRET_ACCESS_KEY", ask: "The secret of the key", secret: true, must: true, when: inBucket},
			{name: "S3_PERMISSION", settled: true, when: inBucket}, // the server gives the files out, so the bucket need not be public
			{name: "GOMPH_MEDIA_HOST", ask: "A host of their own that leads to this server too, like media.social.example, which is safest; nothing for none"},
		}, func(ctx context.Context, c *config.Config, _ map[string]string) error { return app.TryFiles(ctx, c) }},
		{"Mail", []question{
			{name: "SMTP_SERVER", ask: "The mail server; nothing for none: then mails are files in the folder, and new accounts need no confirmation"},
			{name: "SMTP_PORT", ask: "Its port", otherwise: "587", when: byMail},
			{name: "SMTP_LOGIN", ask: "Who signs in to it; nothing for nobody", when: byMail},
			{name: "SMTP_PASSWORD", ask: "The password", secret: true, when: func(lines map[string]string) bool { return lines["SMTP_LOGIN"] != "" }},
			{name: "SMTP_FROM_ADDRESS", ask: "The sender; nothing for notifications@ the domain", when: byMail},
			{name: mailTo, ask: "To whom a mail is sent now, to see whether it arrives; nothing for nobody", when: byMail},
		}, func(ctx context.Context, c *config.Config, lines map[string]string) error {
			if lines[mailTo] == "" {
				return nil
			}
			return app.TryMail(ctx, c, lines[mailTo])
		}},
	}
}

// Run asks for the settings that a server starts with, tries them, and writes them to a file (requirement F8).
func (c *setupCmd) Run(e *env) error {
	if _, err := os.Lstat(c.File); err == nil {
		return fmt.Errorf("%s is there already: see it by gomph config --env-file %s, or name another one with --file", c.File, c.File)
	}
	d := newDialogue(os.Stdin, e.out)
	d.say("An empty answer takes what stands in brackets; - leaves it out. Everything is tried at once, and can be changed later but for the domain.\n")
	for _, s := range stages() {
		if err := d.stage(e.ctx, s); err != nil {
			return fmt.Errorf("%w\nNothing was written", err)
		}
	}
	if d.lines["DATABASE_URL"] != "" {
		d.lines["SECRET_KEY_BASE"] = rand.Text() + rand.Text() // which all hosts share
	}
	if err := writeSettings(c.File, d.lines); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, `
%[1]s has it all now, with the secrets: nobody else may read it.

  gomph doctor --env-file %[1]s    look whether all is well
  gomph serve --env-file %[1]s     start it, on %[2]s behind a proxy that speaks https; it prints the owner's login once
`, c.File, e.config.Address())
	return err
}

// writeSettings writes a file that only its owner reads.
func writeSettings(file string, lines map[string]string) error {
	var b strings.Builder
	group := ""
	for _, s := range config.Settings() {
		if value, said := lines[s.Env[0]]; said {
			if s.Group != group {
				group = s.Group
				fmt.Fprintf(&b, "# %s\n", group)
			}
			fmt.Fprintln(&b, config.Line(s.Env[0], value))
		}
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the admin names the file
	if err != nil {
		return err
	}
	_, err = f.WriteString(b.String())
	return errors.Join(err, f.Sync(), f.Close())
}
