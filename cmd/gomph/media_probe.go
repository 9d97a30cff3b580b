package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/gomph/gomph/internal/app"
	"github.com/gomph/gomph/internal/kit/blob/policy"
	"github.com/gomph/gomph/internal/kit/checkup"
)

type mediaProbeCmd struct {
	JSON        bool   `name:"json" help:"Print JSON, one check a line."`
	OtherBucket string `placeholder:"NAME" help:"A further bucket of the same server, which the application's key must not read."`
}

// Run asks, and prints the answers; it is an error when one is wrong.
func (c *mediaProbeCmd) Run(e *env) error {
	return e.command(func(a *app.App) error {
		results, err := a.ProbeFiles(e.ctx, c.OtherBucket)
		wrong := 0
		for _, r := range results {
			if r.Level == checkup.Failure {
				wrong++
			}
			if c.JSON {
				err = errors.Join(err, json.NewEncoder(e.out).Encode(r))
			} else {
				err = errors.Join(err, printFinding(e, checkup.Finding{ID: r.ID, Name: strings.ReplaceAll(r.Check, "_", " "), Level: r.Level, Says: r.Says}, false))
			}
		}
		if err == nil && wrong > 0 {
			err = fmt.Errorf("%d of %d checks failed", wrong, len(results))
		}
		return err
	})
}

type mediaPolicyCmd struct {
	Bucket   string `placeholder:"NAME" help:"The bucket. Default: S3_BUCKET."`
	For      string `enum:"anonymous,application" default:"anonymous" help:"anonymous for strangers, who read public files; application for the key of this server."`
	Provider string `enum:"minio,aws,generic" default:"generic" help:"minio, aws or generic (others that speak the protocol)."`
}

// Run prints a policy to the standard output, and to the other one what to do with it.
func (c *mediaPolicyCmd) Run(e *env) error {
	o := policy.Options{Bucket: c.Bucket, Prefix: e.config.S3Prefix, Provider: c.Provider}
	if o.Bucket == "" {
		o.Bucket = e.config.S3Bucket
	}
	if o.Bucket == "" {
		return errors.New("name the bucket: S3_BUCKET or --bucket")
	}
	write := policy.Anonymous
	if c.For == "application" {
		write = policy.Application
	}
	text, err := write(o)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(e.out, text); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(e.err, policy.Advice(o, c.For == "anonymous")) // a hint
	return nil
}

type mediaNginxCmd struct {
	Host string `placeholder:"HOST" help:"The host of the files. Default: S3_ALIAS_HOST or GOMPH_MEDIA_HOST."`
	Root string `placeholder:"FOLDER" help:"Where local files are, as a fallback while they move. Default: GOMPH_DATA/system when that is there; none for no fallback."`
}

// Run prints a configuration.
func (c *mediaNginxCmd) Run(e *env) error {
	text, err := app.Nginx(e.config, c.Host, c.root(e))
	if err == nil {
		_, err = fmt.Fprint(e.out, text)
	}
	return err
}

func (c *mediaNginxCmd) root(e *env) string {
	switch c.Root {
	case "none":
		return ""
	case "":
		at := e.config.Data + "/system"
		if _, err := os.Stat(at); err != nil {
			return ""
		}
		return at
	}
	return c.Root
}
