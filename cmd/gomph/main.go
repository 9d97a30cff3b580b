// Command gomph is a server for the fediverse: web, API, streaming, federation and background work in one program.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gomph/gomph/internal/kit/config"
)

// cli is the command line. Settings may stand before or after the command.
type cli struct {
	EnvFile string `name:"env-file" placeholder:"FILE" help:"Settings as NAME=value lines; a Mastodon .env.production works as it is."`
	config.Config

	Setup      setupCmd      `cmd:"" help:"Ask for the settings of a server, try them out, and write them to a file."`
	Serve      serveCmd      `cmd:"" help:"Run everything in one process (this is what most servers need)."`
	Web        webCmd        `cmd:"" help:"Run the web pages, the API and federation's doors alone."`
	Streaming  streamingCmd  `cmd:"" help:"Run the streaming API alone."`
	Worker     workerCmd     `cmd:"" help:"Run background work alone."`
	Scheduler  schedulerCmd  `cmd:"" help:"Run the recurring work alone; several may run, one acts."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database's schema up to date."`
	Queues     queuesCmd     `cmd:"" help:"See and steer background work while it runs."`
	Jobs       jobsCmd       `cmd:"" help:"See the recurring work."`
	Processes  processesCmd  `cmd:"" help:"Show the processes of this server that are alive."`
	Capacity   capacityCmd   `cmd:"" help:"Tell how many slots and connections the work of late needs."`
	Account    accountCmd    `cmd:"" help:"Make and look after accounts."`
	Token      tokenCmd      `cmd:"" help:"Make access tokens."`
	Settings   settingsCmd   `cmd:"" help:"Read and change what an admin may change while the server runs."`
	Hosts      hostsCmd      `cmd:"" help:"See which servers deliveries have trouble with, and try them again."`
	Domains    domainsCmd    `cmd:"" help:"Decide with which servers this one exchanges what."`
	Federation federationCmd `cmd:"" help:"Find out why something of another server is not here, or something of here not there."`
	Trends     trendsCmd     `cmd:"" help:"See what is talked about, and decide what of it is shown."`
	Relays     relaysCmd     `cmd:"" help:"See, join and leave the relays that pass public posts on."`
	Doctor     doctorCmd     `cmd:"" help:"Look whether everything is well, and say what to do where it is not."`
	Search     searchCmd     `cmd:"" help:"See and renew the index by which posts are found."`
	Emojis     emojisCmd     `cmd:"" help:"See, add and remove this server's custom emojis."`
	Media      mediaCmd      `cmd:"" help:"See, move and tidy up files: who may do what with them, what they cost, whether all are there."`
	Config_    configCmd     `cmd:"" name:"config" help:"Show which settings are in force, and from where."`
	Seed       seedCmd       `cmd:"" help:"Fill an empty server with a small community, to try things out."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	Announcements announcementsCmd `cmd:"" help:"Tell everybody here something."`
	Terms         termsCmd         `cmd:"" help:"Write and publish the terms of service."`
	Rules         rulesCmd         `cmd:"" help:"Write the rules of the server, in several languages."`
}

// env is what a command runs with.
type env struct {
	ctx     context.Context
	config  *config.Config
	sources map[string]string
	unknown []string
	out     io.Writer
	err     io.Writer
}

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gomph: "+err.Error())
		os.Exit(1)
	}
}

func run(args []string, out, errOut io.Writer) error {
	var c cli
	file, fromFile, err := loadEnvFile(args)
	if err != nil {
		return err
	}
	parser, err := kong.New(&c, kong.Name("gomph"), kong.UsageOnError(), kong.Writers(out, errOut),
		kong.Description("Gomph is Mastodon's whole stack as one program. `gomph serve` runs it; every setting below is a flag, an environment variable, or a line of --env-file."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 140}))
	if err != nil {
		return err
	}
	k, err := parser.Parse(args)
	if err != nil {
		return err
	}
	command := strings.Fields(k.Command())[0]
	e := &env{config: &c.Config, out: out, err: errOut, sources: sources(k, fromFile), unknown: config.Unknown(file)}
	if err := c.Config.Check(command == "streaming"); err != nil {
		return err
	}
	ctx, stop := stopOnSignal()
	defer stop()
	e.ctx = ctx
	return k.Run(e)
}

// loadEnvFile puts the lines of --env-file into the environment, where a variable that is set already wins. It gives all
// lines, and those that took effect.
func loadEnvFile(args []string) (file, fromFile map[string]string, err error) {
	path := os.Getenv("GOMPH_ENV_FILE")
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--env-file="); ok {
			path = v
		} else if a == "--env-file" && i+1 < len(args) {
			path = args[i+1]
		}
	}
	if path == "" {
		return nil, nil, nil
	}
	if file, err = config.ReadFile(path); err != nil {
		return nil, nil, err
	}
	fromFile = map[string]string{}
	for name, value := range file {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		fromFile[name] = value
	}
	return file, fromFile, nil
}

// sources says of each setting where its value came from.
func sources(k *kong.Context, file map[string]string) map[string]string {
	flags := map[string]bool{}
	for _, p := range k.Path {
		if p.Flag != nil {
			flags[p.Flag.Name] = true
		}
	}
	out := map[string]string{}
	for _, s := range config.Settings() {
		out[s.Flag] = "default"
		for _, name := range s.Env {
			if _, ok := file[name]; ok {
				out[s.Flag] = "file"
				break
			}
			if _, ok := os.LookupEnv(name); ok {
				out[s.Flag] = "environment"
				break
			}
		}
		if flags[s.Flag] {
			out[s.Flag] = "flag"
		}
	}
	return out
}

// stopOnSignal gives a context that ends at the first SIGTERM or interrupt; the second ends the process at once.
func stopOnSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		for range signals {
			if ctx.Err() != nil {
				os.Exit(1)
			}
			cancel(errors.New("asked to stop"))
		}
	}()
	return ctx, func() { signal.Stop(signals); close(signals); cancel(nil) }
}
