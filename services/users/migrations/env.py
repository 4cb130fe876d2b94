from common.db import migrations
from users_service.models import Base

migrations.run("users", Base.metadata)
