package main

type mediaCmd struct {
	Migrate mediaMigrateCmd `cmd:"" help:"Copy all files to where they belong now, while the server serves."`
	Prune   mediaPruneCmd   `cmd:"" help:"Forget files of other servers, and delete what nothing speaks of."`
	Refresh mediaRefreshCmd `cmd:"" help:"Fetch files of other servers before anybody looks at them."`
	Usage   mediaUsageCmd   `cmd:"" help:"Tell how much is stored, of what, our own and others'."`
	Verify  mediaVerifyCmd  `cmd:"" help:"Compare what is stored with what is spoken of: what is missing, orphaned or changed."`
}
