package services

import (
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, address string, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestPostgresGivesEachTestItsOwnDatabase(t *testing.T) {
	t.Parallel()
	var addresses [2]string
	for i := range addresses {
		addresses[i] = Postgres(t)
		conn := connect(t, addresses[i], pgx.QueryExecModeExec)
		if _, err := conn.Exec(t.Context(), "CREATE TABLE same_name (id BIGINT PRIMARY KEY)"); err != nil {
			t.Fatalf("database %d is not empty: %v", i, err)
		}
	}
	if addresses[0] == addresses[1] {
		t.Fatal("both tests got one database")
	}
}

func TestPostgresDropsTheDatabaseAfterTheTest(t *testing.T) {
	t.Parallel()
	var address string
	t.Run("uses it", func(t *testing.T) {
		address = Postgres(t)
		connect(t, address, pgx.QueryExecModeExec)
	})
	err := ping(t.Context(), address)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "3D000" { // invalid_catalog_name
		t.Fatalf("the database is still there, or something else is wrong: %v", err)
	}
}

func TestPostgresTemplateIsPreparedOnce(t *testing.T) {
	t.Parallel()
	var prepared atomic.Int32
	name := t.Name() + t.TempDir() // a name of this run: the cluster may be older
	prepare := func(address string) error {
		prepared.Add(1)
		return execute(context.Background(), address, "CREATE TABLE ready AS SELECT 7 AS number")
	}
	addresses := make([]string, 4)
	t.Cleanup(func() {
		if err := execute(context.Background(), superuser(t), "DROP DATABASE gomph_template_"+shortHash(name)); err != nil {
			t.Error(err)
		}
	})
	var running sync.WaitGroup
	for i := range addresses {
		running.Go(func() { addresses[i] = PostgresTemplate(t, name, prepare) })
	}
	running.Wait()
	for _, address := range addresses {
		var number int
		if err := connect(t, address, pgx.QueryExecModeExec).QueryRow(t.Context(), "SELECT number FROM ready").Scan(&number); err != nil || number != 7 {
			t.Errorf("number %d, error %v", number, err)
		}
	}
	if prepared.Load() != 1 {
		t.Errorf("prepared %d times", prepared.Load())
	}
}

func TestPostgresTemplateThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	admin, template := superuser(t), "gomph_template_"+shortHash(t.Name()+t.TempDir())
	broken := errors.New("broken migration")
	if err := ensureTemplate(admin, template, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if err := ensureTemplate(admin, template, func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := execute(t.Context(), admin, "DROP DATABASE "+template); err != nil {
		t.Fatal(err)
	}
}

func TestClusterIsSharedAndHeldWhileUsed(t *testing.T) {
	t.Parallel()
	superuser(t)
	if os.Getenv("GOMPH_TEST_POSTGRES") != "" {
		t.Skip("the cluster is somebody else's")
	}
	as, err := servant()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := base(as)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := sharedCluster()
	if err != nil {
		t.Fatal(err)
	}
	joined, err := joinCluster(dir)
	if err != nil || joined.URL != shared.URL {
		t.Fatalf("another process would join %q, not %q: %v", joined.URL, shared.URL, err)
	}
	t.Cleanup(func() { _ = joined.users.Close() })
	file, err := os.Open(filepath.Join(shared.Dir, "users"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Fatalf("the watchdog could stop the cluster under this test: %v", err)
	}
}

func TestPgBouncerPoolsTransactions(t *testing.T) {
	t.Parallel()
	address := PgBouncer(t, Postgres(t))
	pids := map[int]bool{}
	for range poolSize * 2 {
		conn := connect(t, address, pgx.QueryExecModeExec)
		var pid int
		if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		pids[pid] = true
	}
	if len(pids) > poolSize {
		t.Errorf("%d clients were given %d connections: not transaction mode", poolSize*2, len(pids))
	}
	// The difference that programs must get along with: a setting of the session does not stay.
	first := connect(t, address, pgx.QueryExecModeSimpleProtocol)
	tx, err := first.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := connect(t, address, pgx.QueryExecModeSimpleProtocol)
	if _, err := second.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatalf("a second client does not get a connection beside an open transaction: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRedisIsTheTestsOwn(t *testing.T) {
	t.Parallel()
	first, second := Redis(t), Redis(t)
	if first == second {
		t.Fatal("two tests share a server")
	}
	for _, address := range []string{first, second} {
		host := strings.TrimSuffix(strings.TrimPrefix(address, "redis://"), "/0")
		if err := pingRedis(t.Context(), host); err != nil {
			t.Error(err)
		}
	}
}

func TestMailReceives(t *testing.T) {
	t.Parallel()
	box := Mail(t)
	for i := range 3 {
		body := fmt.Sprintf("Subject: number %d\r\n\r\nHello.\r\n.. a line that starts with a dot\r\n", i)
		login := smtp.PlainAuth("", "anyone", "anything", "127.0.0.1")
		if err := smtp.SendMail(box.Address, login, "us@gomph.example", []string{"a@b.example", "c@d.example"}, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		message := box.Next(t)
		if message.From != "us@gomph.example" || strings.Join(message.To, " ") != "a@b.example c@d.example" {
			t.Errorf("envelope: %q to %q", message.From, message.To)
		}
		parsed, err := message.Parse()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := parsed.Header.Get("Subject"), fmt.Sprintf("number %d", i); got != want {
			t.Errorf("subject %q, want %q", got, want)
		}
		if !strings.Contains(string(message.Raw), "\n.. a line") {
			t.Errorf("dots are not as they were sent: %q", message.Raw)
		}
	}
}

func TestMailRefusesAMessageForNobody(t *testing.T) {
	t.Parallel()
	box := Mail(t)
	client, err := smtp.Dial(box.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Mail("us@gomph.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Data(); err == nil {
		t.Error("accepted a message without a recipient")
	}
}

func TestMissingProgramNamesTheRemedy(t *testing.T) {
	t.Parallel()
	_, err := find("no-such-server")
	if err == nil || !strings.Contains(err.Error(), "scripts/install-deps") {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	running, err := startProcess(dir, nil, need(t, "false"))
	if err != nil {
		t.Fatal(err)
	}
	defer running.stop(syscall.SIGTERM)
	never := errors.New("not ready")
	if err := waitUntil(running.cmd.Process.Pid, func(context.Context) error { return never }); err == nil || errors.Is(err, never) {
		t.Errorf("got %v", err)
	}
}
