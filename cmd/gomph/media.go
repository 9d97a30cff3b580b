package main

// mediaCmd is what is done with the files.
type mediaCmd struct {
	Cost    mediaCostCmd    `cmd:"" help:"Tell what the S3 server costs, from what it was asked and the prices that you name."`
	Migrate mediaMigrateCmd `cmd:"" help:"Copy all files to where they belong now, while the server serves."`
	Nginx   mediaNginxCmd   `cmd:"" help:"Print a configuration of nginx as cache and proxy in front of the bucket, with local files as fallback."`
	Policy  mediaPolicyCmd  `cmd:"" help:"Print the policy that a bucket needs, or that the application's key does."`
	Probe   mediaProbeCmd   `cmd:"" help:"Find out who may do what with the files: it asks as a stranger, and as the application."`
	Prune   mediaPruneCmd   `cmd:"" help:"Forget files of other servers, and delete what nothing speaks of."`
	Refresh mediaRefreshCmd `cmd:"" help:"Fetch files of other servers before anybody looks at them."`
	Switch  mediaSwitchCmd  `cmd:"" help:"Give files another host: announce it, and change to it a week later."`
	Usage   mediaUsageCmd   `cmd:"" help:"Tell how much is stored, of what, our own and others'."`
	Verify  mediaVerifyCmd  `cmd:"" help:"Compare what is stored with what is spoken of: what is missing, orphaned or changed."`
}
