// Run by the image of MongoDB when its data folder is new: the user of the workers, for their database alone.
db.getSiblingDB("plugins").createUser({
  user: "plugins",
  pwd: process.env.MONGODB_PLUGINS_PASSWORD,
  roles: [{ role: "readWrite", db: "plugins" }],
});
