package repository

// How a command of the pages is held to be true. Whatever the kind, flags of amora, targets of make, keys of the
// config, and outputs of a stack must exist.
const (
	runs    = "run here"         // with the substitutes below; it must end with 0
	tested  = "tested elsewhere" // by says by which test
	azure   = "needs Azure"      // or another service; by says what for
	machine = "part of a shell"  // or a tool that has nothing to do with this repository
	maker   = "a target of make" // by says why it is not run by a test of its own
)

// entry is a kind of command. The first one whose pattern fits the whole beginning of a command is the command's.
type entry struct{ pattern, how, by string }

// entries are all commands that the pages may name. `.rehearsal/bin/amora` counts as amora.
var entries = []entry{
	{`amora cost .*--refresh`, tested, "TestARefreshTakesTheOnePriceThatIsMeantAndKeepsTheRest"},
	{`amora (plan|cost)`, runs, ""},
	{`amora rehearse lose`, tested, "TestALossChangesNothing"},
	{`amora rehearse`, tested, "TestAStackComesUpOnceAndStaysAsItIs"},
	{`amora user`, tested, "TestAChangeRunsTheAdminJobWithItsVariablesAndThenTheRulesJob"},
	{`amora arm .*--out`, tested, "TestADeploymentOfTheTemplateAsksAzureForWhatTheProgramAsksFor"},
	{`amora arm`, tested, "TestTheTemplateOfTheRepositoryIsWhatTheProgramExports"},
	{`amora review`, tested, "TestAReviewShowsWhatAConfigChanges"},
	{`amora smoke`, tested, "TestABrokerThatIsAsItShouldBePassesEveryCheck"},
	{`amora probe`, tested, "TestEachProbeHoldsWhereAzureDoesAsAssumedAndFailsWhereNot"},
	{`identity/b2c/upload.sh`, tested, "TestAnUploadMakesTheKeysAndPutsTheBaseFirst"},
	{`make rehearse`, tested, "TestAStackComesUpOnceAndStaysAsItIs"},
	{`make review`, maker, "it builds two versions; the same script runs for each pull request"},
	{`make (check|test|test-deep|test-manifests|test-brokers|test-brokers-long)`, maker, "it runs the tests"},
	{`make amora`, maker, "it builds what the tests of amora's commands build as well"},
	{`make generate`, maker, "what it writes is held against what is kept"},
	{`make bench`, maker, "it measures for minutes"},
	{`az`, azure, "an account"},
	{`pulumi (cancel|config|import|login|stack|state)`, azure, "the state of a stack"},
	{`pulumi (up|preview|refresh|destroy)`, azure, "a subscription"},
	{`pipelines/protect.sh`, tested, "TestProtectSetsWhatIsMissingOnceAndItsCheckFindsEachDifference"},
	{`pipelines/register-providers.sh`, tested, "TestWhatIsNotRegisteredIsRegisteredAndTheCheckOnlySaysIt"},
	{`gh (secret|variable|attestation)`, azure, "a repository on GitHub"},
	{`(mosquitto_pub|mosquitto_sub|openssl|dig)`, azure, "an endpoint, or its name"},
	{`git (tag|push)`, azure, "this repository's remote"},
	{`curl`, azure, "a directory that gives tokens"},
	{`(base64|cat|cut|date|do|done|export|for|grep|jq|read|umask)`, machine, ""},
}

// substitutes are what a command that is run here has instead of what its reader is to put in.
var substitutes = map[string]string{"$STACK": "prod", "NAME": "prod", "FILE": "Pulumi.dev.yaml"}
